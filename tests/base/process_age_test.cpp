#include "hgnn_moe/base/process_age.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hgnn_moe {
namespace {

TEST(ProcessAge, GrowsWithTheClock) {
  const auto before = process_age_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const auto after = process_age_seconds();
  ASSERT_TRUE(before && after);
  EXPECT_GE(*after - *before, 0.03);
  EXPECT_LT(*after - *before, 10);
}

// The name of a process may hold anything.
TEST(ProcessAge, IsThatOfTheProcessWhateverItIsCalled) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NAME, "a) b (c) 1 2 3");
    const auto age = process_age_seconds();
    _exit(age && *age >= 0 && *age < 5 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace hgnn_moe
