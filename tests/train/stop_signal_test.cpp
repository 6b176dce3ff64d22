#include "hgnn_moe/train/stop_signal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

// Runs `action` in a child process and returns the child's wait status.
template <typename Action>
int status_of_child(Action&& action) {
  const pid_t child = fork();
  if (child == 0) {
    action();
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

TEST(StopSignal, NothingAtFirst) { EXPECT_EQ(StopSignal().received(), 0); }

TEST(StopSignal, NotesTheFirstSignal) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    const StopSignal stop;
    raise(number);
    EXPECT_EQ(stop.received(), number);
  }
}

TEST(StopSignal, StartsAnewEachTime) {
  {
    const StopSignal stop;
    raise(SIGINT);
  }
  EXPECT_EQ(StopSignal::last_received(), SIGINT);
  EXPECT_EQ(StopSignal().received(), 0);
}

TEST(StopSignal, ARepeatInTheSameMomentIsTheSameRequest) {
  const int status = status_of_child([] {
    const StopSignal stop;
    raise(SIGTERM);
    raise(SIGTERM);
    if (stop.received() != SIGTERM) _exit(1);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(StopSignal, AnIgnoredHangupStaysIgnored) {
  const auto previous = std::signal(SIGHUP, SIG_IGN);
  {
    const StopSignal stop;
    raise(SIGHUP);
    EXPECT_EQ(stop.received(), 0);
  }
  std::signal(SIGHUP, previous);
}

TEST(StopSignal, ALaterSignalKillsWhicheverItIs) {
  for (const int second : {SIGINT, SIGTERM}) {
    const int status = status_of_child([&] {
      const StopSignal stop;
      raise(SIGINT);
      sleep(StopSignal::kRepeatSeconds + 1);
      raise(second);
    });
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), second);
  }
}

TEST(StopSignal, RestoresTheActionsItFound) {
  const auto previous = std::signal(SIGTERM, SIG_IGN);
  {
    const StopSignal stop;
    raise(SIGTERM);
  }
  struct sigaction now{};
  sigaction(SIGTERM, nullptr, &now);
  EXPECT_EQ(now.sa_handler, SIG_IGN);
  std::signal(SIGTERM, previous);
}

TEST(StopSignal, TwoAtOnceAreOurBug) {
  const StopSignal first;
  EXPECT_THROW(StopSignal(), InternalError);
  raise(SIGINT);
  EXPECT_EQ(first.received(), SIGINT);
}

}  // namespace
}  // namespace hgnn_moe
