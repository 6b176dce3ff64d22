// The child is this very program of tests, asked for something that ends at once.
#include "hgnn_moe/base/child_process.h"

#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/base/test_support.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

const std::vector<std::string> kSleeper = {"--gtest_also_run_disabled_tests",
                                           "--gtest_filter=ChildProcess.DISABLED_Sleeps"};

TEST(ChildProcess, DISABLED_Sleeps) { std::this_thread::sleep_for(std::chrono::seconds(60)); }
TEST(ChildProcess, DISABLED_Fails) { ADD_FAILURE() << "as it should"; }

ChildEnd end_of(ChildProcess& child) {
  for (;;) {
    if (const auto end = child.poll()) return *end;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

class ChildProcessTest : public testing::Test {
 protected:
  std::string said() { return read_text_file(output_, ExitCode::internal); }

  const TemporaryFolder folder_;
  const std::filesystem::path output_ = folder_ / "output.log";
};

TEST_F(ChildProcessTest, ReturnsAndLeavesItsWords) {
  put_file(output_, "earlier\n");
  auto child = ChildProcess::start({"--gtest_list_tests"}, output_);
  const ChildEnd end = end_of(child);
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(end.signal, 0);
  EXPECT_EQ(said().rfind("earlier\n", 0), 0u) << "what was there stays";
  EXPECT_TRUE(contains(said(), "ReturnsAndLeavesItsWords"));
}

TEST_F(ChildProcessTest, AnExitCodeIsToldFromASignal) {
  auto failing = ChildProcess::start(
      {"--gtest_also_run_disabled_tests", "--gtest_filter=ChildProcess.DISABLED_Fails"}, output_);
  EXPECT_EQ(end_of(failing).exit_code, 1);
  auto child = ChildProcess::start(kSleeper, output_);
  EXPECT_FALSE(child.poll().has_value());
  child.send(SIGTERM);
  EXPECT_EQ(end_of(child).signal, SIGTERM);
}

// Not even before the child is the program that it is to be, while it has its parent's handlers.
// The child sleeps: one that ends by itself may do so before this process comes to send.
TEST_F(ChildProcessTest, NoSignalIsLost) {
  struct sigaction noting{}, before{};
  noting.sa_handler = [](int) {};
  sigaction(SIGTERM, &noting, &before);
  for (int i = 0; i < 20 && !HasFailure(); ++i) {
    auto child = ChildProcess::start(kSleeper, output_);
    child.send(SIGTERM);
    EXPECT_EQ(end_of(child).signal, SIGTERM);
  }
  sigaction(SIGTERM, &before, nullptr);
}

// As nohup has it.
TEST_F(ChildProcessTest, WhatIsIgnoredStaysSo) {
  const auto before = std::signal(SIGHUP, SIG_IGN);
  auto child = ChildProcess::start({"--gtest_list_tests"}, output_);
  child.send(SIGHUP);
  const ChildEnd end = end_of(child);
  EXPECT_EQ(end.signal, 0);
  EXPECT_EQ(end.exit_code, 0);
  std::signal(SIGHUP, before);
}

TEST_F(ChildProcessTest, HasAGroupOfItsOwn) {
  auto child = ChildProcess::start(kSleeper, output_);
  // exec comes after setpgid: wait until the child is in it.
  for (int i = 0; i < 1000 && getpgid(child.pid()) != child.pid(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(getpgid(child.pid()), child.pid());
}

TEST_F(ChildProcessTest, IsKilledWithItsObject) {
  pid_t pid = 0;
  {
    const auto child = ChildProcess::start(kSleeper, output_);
    pid = child.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_NE(kill(pid, 0), 0) << "there is no such process";
}

TEST_F(ChildProcessTest, DiesWithItsParent) {
  int channel[2];
  ASSERT_EQ(pipe(channel), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    const auto child = ChildProcess::start(kSleeper, output_);
    const pid_t pid = child.pid();
    if (write(channel[1], &pid, sizeof(pid)) != sizeof(pid)) _exit(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // the child is past its prctl
    raise(SIGKILL);
  }
  pid_t child = 0;
  ASSERT_EQ(read(channel[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  waitpid(parent, nullptr, 0);
  const auto is_gone = [&] {
    // A zombie that nobody waits for is gone, too.
    if (kill(child, 0) != 0) return true;
    const std::string stat =
        read_text_file("/proc/" + std::to_string(child) + "/stat", ExitCode::internal);
    return stat[stat.rfind(')') + 2] == 'Z';
  };
  for (int i = 0; i < 2000 && !is_gone(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(is_gone());
  close(channel[0]);
  close(channel[1]);
}

TEST_F(ChildProcessTest, AnEndThatTheSystemThrewAwayIsAnError) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  auto child = ChildProcess::start({"--gtest_list_tests"}, output_);
  const std::string message = message_of_error(ExitCode::internal, [&] {
    for (int i = 0; i < 10'000 && !child.poll(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  std::signal(SIGCHLD, before);
  EXPECT_TRUE(contains(message, "cannot learn how the run")) << message;
}

// A signal in the moment between fork and exec, when the child still has the parent's handler.
bool signal_comes_early = false;

TEST_F(ChildProcessTest, ASignalBeforeExecIsNotLost) {
  pthread_atfork(nullptr, nullptr, [] {
    if (signal_comes_early) raise(SIGTERM);
  });
  struct sigaction noting{}, before{};
  noting.sa_handler = [](int) {};
  sigaction(SIGTERM, &noting, &before);
  signal_comes_early = true;
  auto child = ChildProcess::start({"--gtest_list_tests"}, output_);
  signal_comes_early = false;
  EXPECT_EQ(end_of(child).signal, SIGTERM);
  sigaction(SIGTERM, &before, nullptr);
}

TEST_F(ChildProcessTest, WhatCannotBeStartedSaysSo) {
  auto child = ChildProcess::start({std::string(1 << 20, 'x')}, output_);
  EXPECT_EQ(end_of(child).exit_code, 127);
  EXPECT_TRUE(contains(
      said(), program_path().filename().string() + ": the program cannot be started again"))
      << said();
}

TEST_F(ChildProcessTest, GetsNoFilesBesideItsStreams) {
  const auto child = ChildProcess::start(kSleeper, output_);
  const std::filesystem::path process = "/proc/" + std::to_string(child.pid());
  const auto has_begun = [&] {
    return contains(read_text_file(process / "cmdline", ExitCode::internal), "DISABLED_Sleeps");
  };
  while (!has_begun()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(std::filesystem::read_symlink(process / "fd/0"), "/dev/null");
  EXPECT_EQ(std::filesystem::read_symlink(process / "fd/1"), output_);
  EXPECT_EQ(std::filesystem::read_symlink(process / "fd/2"), output_);
  for (const auto& entry : std::filesystem::directory_iterator(process / "fd")) {
    const std::string number = entry.path().filename();
    const bool is_inherited = std::filesystem::exists("/proc/self/fd/" + number);
    if (std::stoi(number) <= STDERR_FILENO || is_inherited) continue;
    EXPECT_NE(std::filesystem::read_symlink(entry.path()), "/dev/null") << entry.path();
  }
}

TEST_F(ChildProcessTest, AnOutputThatCannotBeOpenedIsAnErrorOfTheDisk) {
  const std::string message = message_of_error(ExitCode::disk, [&] {
    ChildProcess::start({"--gtest_list_tests"}, folder_ / "missing" / "output.log");
  });
  EXPECT_TRUE(contains(message, "missing/output.log")) << message;
}

}  // namespace
}  // namespace hgnn_moe
