// Sums over the rows of one type, from which the figures of pairs and directions follow.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

namespace hgnn_moe::hgt {

// The sum of the unit vectors of rows. The mean cosine over pairs of n rows follows from its norm:
// |S|^2 = n + sum over pairs i != j of cos_ij.
struct Directions {
  at::Tensor sum_F;        // float64
  std::int64_t count = 0;  // rows that have a direction
};

// Over pairs of the same rows; none where fewer than two have a direction.
std::optional<double> mean_cosine(const Directions& rows);

// Over pairs of one row of `a` and one of `b`, which share none.
std::optional<double> mean_cosine(const Directions& a, const Directions& b);

// Over pairs of rows of one group, of all groups together.
std::optional<double> mean_cosine_within(const std::vector<Directions>& groups);

// Over pairs of rows of different groups, of all together.
std::optional<double> mean_cosine_across(const std::vector<Directions>& groups);

Directions sum_of(const std::vector<Directions>& groups);
Directions without(const Directions& all, const Directions& group);

struct RowMoments {
  std::int64_t rows = 0;
  at::Tensor mean_F;         // float64, as all here
  at::Tensor squares_F;      // sum of the squares of x - mean
  at::Tensor eigenvalues;    // of the scatter, the sum of (x - mean)(x - mean)^T: at most F
  double mean_square = 0.0;  // mean of |x|^2
  Directions raw;
  Directions centred;         // of x - mean; a row at the mean, up to rounding, has no direction
  std::vector<double> norms;  // of the rows
};

// Of the rows `index` (int64) of values_NF, which are finite. Their scatter is added to within_FF.
RowMoments moments_of(const at::Tensor& values_NF, const at::Tensor& index,
                      const at::Tensor& within_FF);

// Those of the given rows in float64, in pieces: a copy of all would double the memory.
template <typename PerPiece>
void for_each_piece(const at::Tensor& values_NF, const at::Tensor& index, PerPiece per_piece) {
  constexpr std::int64_t kRows = 2048;
  for (std::int64_t first = 0; first < index.numel(); first += kRows) {
    const std::int64_t count = std::min(kRows, index.numel() - first);
    per_piece(values_NF.index_select(0, index.narrow(0, first, count)).to(at::kDouble));
  }
}

}  // namespace hgnn_moe::hgt
