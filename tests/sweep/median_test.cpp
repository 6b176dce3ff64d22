#include "src/sweep/median.h"

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

TEST(Median, IsTheMiddleOrTheMeanOfTheTwo) {
  EXPECT_EQ(median({3}), 3.0);
  EXPECT_EQ(median({9, 1, 2}), 2.0);
  EXPECT_EQ(median({4, 1, 2, 9}), 3.0);
}

}  // namespace
}  // namespace hgnn_moe
