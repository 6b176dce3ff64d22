#include "pair_figures.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace hgnn_moe::hgt {
namespace {

constexpr std::int64_t kTile = 512;
constexpr std::int64_t kBins = 40;
// As recommended in the paper.
constexpr double kUniformityT = 2.0;

// Calls f with the cosines [rows, others] of every pair of tiles, each pair once; `is_diagonal`
// where both tiles are the same.
template <typename PerTile>
void for_each_tile(const at::Tensor& unit_NF, PerTile f) {
  const std::int64_t nodes = unit_NF.size(0);
  for (std::int64_t i = 0; i < nodes; i += kTile) {
    const at::Tensor rows = unit_NF.narrow(0, i, std::min(kTile, nodes - i));
    for (std::int64_t j = i; j < nodes; j += kTile) {
      const at::Tensor others = unit_NF.narrow(0, j, std::min(kTile, nodes - j));
      f(rows.mm(others.t()), i == j);
    }
  }
}

// cos of two rows, NaN where one has no direction or is not finite.
double cosine(const float* a, const float* b, std::int64_t width) {
  double product = 0.0, square_a = 0.0, square_b = 0.0;
  for (std::int64_t f = 0; f < width; ++f) {
    const double x = a[f], y = b[f];
    product += x * y;
    square_a += x * x;
    square_b += y * y;
  }
  return product / (std::sqrt(square_a) * std::sqrt(square_b));
}

}  // namespace

at::Tensor unit_rows(const at::Tensor& values_NF, const std::vector<std::int64_t>& rows) {
  const at::Tensor index = at::tensor(at::ArrayRef<std::int64_t>(rows), at::kLong);
  const at::Tensor picked = values_NF.index_select(0, index).to(at::kDouble);
  const at::Tensor norms = at::linalg_vector_norm(picked, 2, at::IntArrayRef{1});
  const at::Tensor kept = norms.gt(0.0).nonzero().flatten();
  return picked.index_select(0, kept) / norms.index_select(0, kept).unsqueeze(1);
}

Uniformity uniformity_of(const at::Tensor& unit_NF) {
  Uniformity uniformity;
  uniformity.nodes = unit_NF.size(0);
  const auto nodes = static_cast<double>(uniformity.nodes);
  if (uniformity.nodes < 2) return uniformity;
  double sum = 0.0;  // over ordered pairs
  for_each_tile(unit_NF, [&](const at::Tensor& cosines, bool is_diagonal) {
    // |u - v|^2 = 2 - 2 cos
    const at::Tensor kernel = cosines.mul(2.0 * kUniformityT).sub_(2.0 * kUniformityT).exp_();
    const double tile = kernel.sum().item<double>();
    sum += is_diagonal ? tile - kernel.diagonal().sum().item<double>() : 2.0 * tile;
  });
  uniformity.value = std::log(sum / (nodes * (nodes - 1.0)));
  return uniformity;
}

Histogram cosine_histogram(const at::Tensor& unit_NF) {
  Histogram histogram{-1.0, 1.0, std::vector<std::int64_t>(kBins, 0)};
  const at::Tensor cosines = unit_NF.mm(unit_NF.t()).contiguous();
  const std::int64_t nodes = unit_NF.size(0);
  const double* cosine = cosines.const_data_ptr<double>();
  for (std::int64_t i = 0; i < nodes; ++i) {
    for (std::int64_t j = i + 1; j < nodes; ++j) {
      const double place = (cosine[i * nodes + j] + 1.0) / 2.0 * static_cast<double>(kBins);
      const auto bin = static_cast<std::int64_t>(place);
      ++histogram.counts[static_cast<std::size_t>(std::clamp<std::int64_t>(bin, 0, kBins - 1))];
    }
  }
  return histogram;
}

Alignment alignment_of(const at::Tensor& values_NF, const PositivePairs& pairs) {
  struct Part {
    double sum = 0.0;
    std::int64_t pairs = 0;
  };
  constexpr std::int64_t kPart = 16384;
  const auto count = static_cast<std::int64_t>(pairs.heads.size());
  const std::int64_t width = values_NF.size(1);
  const float* values = values_NF.const_data_ptr<float>();
  // Parts of one size whatever the threads, so that their sum is the same.
  std::vector<Part> parts(static_cast<std::size_t>((count + kPart - 1) / kPart));
  at::parallel_for(0, static_cast<std::int64_t>(parts.size()), 1, [&](auto first, auto last) {
    for (std::int64_t p = first; p < last; ++p) {
      Part& part = parts[static_cast<std::size_t>(p)];
      for (std::int64_t i = p * kPart; i < std::min(count, (p + 1) * kPart); ++i) {
        const auto pair = static_cast<std::size_t>(i);
        const double cos =
            cosine(values + pairs.heads[pair] * width, values + pairs.tails[pair] * width, width);
        if (!std::isfinite(cos)) continue;
        part.sum += 2.0 - 2.0 * cos;
        ++part.pairs;
      }
    }
  });
  Alignment alignment;
  double sum = 0.0;
  for (const Part& part : parts) {
    sum += part.sum;
    alignment.pairs += part.pairs;
  }
  alignment.left_out = pairs.left_out + count - alignment.pairs;
  if (alignment.pairs > 0) alignment.value = sum / static_cast<double>(alignment.pairs);
  return alignment;
}

}  // namespace hgnn_moe::hgt
