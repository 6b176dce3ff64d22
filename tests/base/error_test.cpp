#include "hgnn_moe/base/error.h"

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

TEST(Error, FailFormatsTheMessageAndKeepsTheCode) {
  const std::string message = message_of_error(
      ExitCode::data, [] { fail(ExitCode::data, "'{}' has {} bytes", "train.bin", 7); });
  EXPECT_EQ(message, "'train.bin' has 7 bytes");
}

TEST(Error, AssertionNamesConditionPlaceAndContext) {
  const int count = -1;
  try {
    HGNN_MOE_ASSERT(count >= 0, "count = {}", count);
    FAIL() << "the assertion held";
  } catch (const InternalError& error) {
    EXPECT_TRUE(contains(error.what(), "count >= 0")) << error.what();
    EXPECT_TRUE(contains(error.what(), "error_test.cpp")) << error.what();
    EXPECT_TRUE(contains(error.what(), "count = -1")) << error.what();
  }
}

TEST(Error, AssertionThatHoldsDoesNothing) { HGNN_MOE_ASSERT(1 + 1 == 2, "arithmetic"); }

}  // namespace
}  // namespace hgnn_moe
