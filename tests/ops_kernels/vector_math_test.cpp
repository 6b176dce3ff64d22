// The vector functions of src/ops/cpu, compiled here for the baseline instruction set.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#define HGNN_MOE_ISA baseline
#include "src/ops/cpu/exponential.h"
#include "src/ops/cpu/philox.h"

#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::ops::baseline {
namespace {

float exponential_of(float x) {
  const Floats zero = {};
  return exponential(zero + x)[kLanes<float> - 1];
}

TEST(VectorMath, ExponentialIsWithinOneUnitInTheLastPlace) {
  double worst = 0;
  for (float x = 0; x >= -87.3f; x -= 1e-5f) {
    const double exact = std::exp(static_cast<double>(x));
    const double unit = std::ldexp(1.0, std::ilogb(exact) - 23);
    worst = std::max(worst, std::abs(exponential_of(x) - exact) / unit);
  }
  EXPECT_LT(worst, 1);
}

TEST(VectorMath, ExponentialAtItsEnds) {
  EXPECT_EQ(exponential_of(0), 1);
  EXPECT_EQ(exponential_of(-87.5f), 0);
  EXPECT_EQ(exponential_of(-1e30f), 0);
  EXPECT_EQ(exponential_of(-std::numeric_limits<float>::infinity()), 0);
  // NaNs of any payload.
  for (const std::uint32_t bits : {0x7FC00000u, 0xFFC00001u, 0x7FFFFFFFu, 0x7FC00123u}) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    EXPECT_TRUE(std::isnan(exponential_of(x))) << bits;
  }
}

TEST(VectorMath, PhiloxWordsAreThoseOfPhilox) {
  constexpr std::uint64_t kKey = 0xfedcba9876543210u;
  const RowCounter row{4000000000u, 3999999999u, 77};
  for (const std::int64_t count : {1, 7, 8, 9, 200}) {
    std::vector<std::uint32_t> words(static_cast<std::size_t>(count + kWordsAtOnce), 5);
    philox_words(kKey, row, count, words.data());
    for (std::int64_t f = 0; f < count; ++f) {
      const PhiloxBlock block =
          philox(kKey, {{static_cast<std::uint32_t>(f / 4), row.position, row.sample, row.head}});
      EXPECT_EQ(words[f], block.v[f % 4]) << f << " of " << count;
    }
    for (std::int64_t f = (count + kWordsAtOnce - 1) / kWordsAtOnce * kWordsAtOnce;
         f < count + kWordsAtOnce; ++f) {
      EXPECT_EQ(words[f], 5) << f << " of " << count;
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::ops::baseline
