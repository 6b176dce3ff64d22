#include <algorithm>
#include <cmath>

#include "random_fill_kernels.h"

#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::ops {

namespace {

constexpr double kTwoPi = 6.283185307179586;

// In (0, 1): never 0, which Box-Muller's logarithm needs.
double unit_interval(std::uint32_t word) { return (word + 0.5) / 4294967296.0; }

// The four values of a block.
void draw_block(const RandomFill& fill, std::int64_t block, double values[4]) {
  const auto counter = static_cast<std::uint64_t>(block);
  const PhiloxBlock words =
      philox(fill.key, PhiloxBlock{{static_cast<std::uint32_t>(counter),
                                    static_cast<std::uint32_t>(counter >> 32), 0, 0}});
  if (fill.distribution == RandomDistribution::uniform) {
    for (int i = 0; i < 4; ++i) values[i] = fill.scale * (2.0 * unit_interval(words.v[i]) - 1.0);
    return;
  }
  for (int i = 0; i < 4; i += 2) {
    const double radius = fill.scale * std::sqrt(-2.0 * std::log(unit_interval(words.v[i])));
    const double angle = kTwoPi * unit_interval(words.v[i + 1]);
    values[i] = radius * std::cos(angle);
    values[i + 1] = radius * std::sin(angle);
  }
}

template <typename Scalar>
void fill_range(const RandomFill& fill, std::int64_t begin, std::int64_t end, Scalar* out) {
  double values[4];
  for (std::int64_t first = begin; first < end; first += 4) {
    draw_block(fill, first / 4, values);
    for (std::int64_t i = 0; i < std::min<std::int64_t>(4, end - first); ++i) {
      out[first + i] = static_cast<Scalar>(values[i]);
    }
  }
}

}  // namespace

void random_fill_loop(const RandomFill& fill, std::int64_t begin, std::int64_t end, float* out) {
  fill_range(fill, begin, end, out);
}

void random_fill_loop(const RandomFill& fill, std::int64_t begin, std::int64_t end, double* out) {
  fill_range(fill, begin, end, out);
}

}  // namespace hgnn_moe::ops
