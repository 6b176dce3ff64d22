#include "hgnn_moe/ops/random_fill.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/ops/random_fill_kernels.h"

namespace hgnn_moe::ops {
namespace {

constexpr RandomDistribution kBoth[] = {RandomDistribution::normal, RandomDistribution::uniform};

// NaN where nothing was written.
std::vector<float> fill_by(CpuIsa isa, const RandomFill& fill, std::int64_t count) {
  std::vector<float> out(static_cast<std::size_t>(count), std::numeric_limits<float>::quiet_NaN());
  random_fill_cpu(isa, fill, count, out.data());
  return out;
}

std::vector<float> fill_by_loop(const RandomFill& fill, std::int64_t count) {
  std::vector<float> out(static_cast<std::size_t>(count));
  random_fill_loop(fill, 0, count, out.data());
  return out;
}

void expect_same_bits(const std::vector<float>& expected, const std::vector<float>& found) {
  ASSERT_EQ(expected.size(), found.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(std::memcmp(&expected[i], &found[i], sizeof(float)), 0)
        << "element " << i << ": " << expected[i] << " and " << found[i];
  }
}

// So many that some groups are left to the loop, one in 2^15 of them.
TEST(RandomFill, EveryInstructionSetGivesTheBitsOfTheLoop) {
  constexpr std::int64_t kCount = (1 << 23) + 37;
  for (const RandomDistribution distribution : kBoth) {
    const RandomFill fill{distribution, 0.02, 0x0123456789abcdefu};
    const std::vector<float> expected = fill_by_loop(fill, kCount);
    for (const CpuIsa isa : available_cpu_isas()) {
      SCOPED_TRACE(name_of(isa));
      ASSERT_NO_FATAL_FAILURE(expect_same_bits(expected, fill_by(isa, fill, kCount)));
    }
  }
}

TEST(RandomFill, AnyLengthKeyAndScale) {
  for (const RandomDistribution distribution : kBoth) {
    for (const std::int64_t count : {0, 1, 3, 4, 63, 64, 65, 1000, 16384 + 5}) {
      const RandomFill fill{distribution, 0.37 + static_cast<double>(count),
                            ~static_cast<std::uint64_t>(count)};
      const std::vector<float> expected = fill_by_loop(fill, count);
      for (const CpuIsa isa : available_cpu_isas()) {
        SCOPED_TRACE(fmt::format("{} elements, {}", count, name_of(isa)));
        ASSERT_NO_FATAL_FAILURE(expect_same_bits(expected, fill_by(isa, fill, count)));
      }
    }
  }
}

TEST(RandomFill, HasTheMomentsOfItsDistribution) {
  constexpr double kCount = 1 << 20;
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    at::Tensor values = at::empty({1 << 10, 1 << 10}, at::dtype(type));
    random_fill(values, {RandomDistribution::normal, 0.5, 7});
    EXPECT_NEAR(values.mean().item<double>(), 0, 5 * 0.5 / std::sqrt(kCount));
    EXPECT_NEAR(values.std().item<double>(), 0.5, 5 * 0.5 / std::sqrt(2 * kCount));
    EXPECT_NEAR((values.abs() > 1.0).to(at::kDouble).mean().item<double>(), 0.0455, 0.001);
    random_fill(values, {RandomDistribution::uniform, 0.5, 7});
    EXPECT_NEAR(values.mean().item<double>(), 0, 5 * 0.289 / std::sqrt(kCount));
    EXPECT_NEAR(values.std().item<double>(), 0.288675, 0.001);
    EXPECT_LT(values.abs().max().item<double>(), 0.5 + 1e-7);
  }
}

TEST(RandomFill, Float64IsWhatFloat32IsRoundedFrom) {
  for (const RandomDistribution distribution : kBoth) {
    const RandomFill fill{distribution, 0.02, 99};
    at::Tensor wide = at::empty({333}, at::dtype(at::kDouble)), narrow = at::empty({333});
    random_fill(wide, fill);
    random_fill(narrow, fill);
    EXPECT_TRUE(at::equal(wide.to(at::kFloat), narrow));
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
