#include "hgnn_moe/base/cores.h"

#include <gtest/gtest.h>
#include <sched.h>

namespace hgnn_moe {
namespace {

TEST(Cores, AreThoseOfTheProcess) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  EXPECT_EQ(usable_cores(), CPU_COUNT(&before));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int i = 0; CPU_COUNT(&one) == 0; ++i) {
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(usable_cores(), 1);
  EXPECT_EQ(resolve_threads(0), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

TEST(Cores, ZeroThreadsAreAllCores) {
  EXPECT_EQ(resolve_threads(0, 6), 6);
  EXPECT_EQ(resolve_threads(9, 6), 9);
}

TEST(Cores, MoreThreadsThanCoresAreWarnedOf) {
  EXPECT_EQ(threads_warning(0, 2), "");
  EXPECT_EQ(threads_warning(2, 2), "");
  EXPECT_EQ(threads_warning(3, 2),
            "threads is 3 and this process may use 2 cores: threads without a core of their own "
            "make the others wait; give at most 2, or 0 for all");
}

}  // namespace
}  // namespace hgnn_moe
