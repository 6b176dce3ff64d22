#include "row_moments.h"

#include <algorithm>
#include <cmath>

#include "hgnn_moe/hgt/embedding_report.h"

namespace hgnn_moe::hgt {
namespace {

double square_norm(const at::Tensor& vector_F) { return vector_F.dot(vector_F).item<double>(); }

// Adds the directions of those rows whose norm is above `shortest`.
void add_directions(const at::Tensor& rows, const at::Tensor& norms, double shortest,
                    Directions& directions) {
  const at::Tensor has_direction = norms > shortest;
  const at::Tensor factors = at::where(has_direction, norms.reciprocal(), at::zeros_like(norms));
  directions.sum_F += rows.t().mv(factors);
  directions.count += has_direction.sum().item<std::int64_t>();
}

}  // namespace

std::optional<double> mean_cosine(const Directions& rows) { return mean_cosine_within({rows}); }

std::optional<double> mean_cosine(const Directions& a, const Directions& b) {
  if (a.count == 0 || b.count == 0) return std::nullopt;
  return a.sum_F.dot(b.sum_F).item<double>() /
         (static_cast<double>(a.count) * static_cast<double>(b.count));
}

std::optional<double> mean_cosine_within(const std::vector<Directions>& groups) {
  double sum = 0.0;
  double pairs = 0.0;
  for (const Directions& group : groups) {
    const auto count = static_cast<double>(group.count);
    sum += square_norm(group.sum_F) - count;
    pairs += count * (count - 1.0);
  }
  if (pairs == 0.0) return std::nullopt;
  return sum / pairs;
}

std::optional<double> mean_cosine_across(const std::vector<Directions>& groups) {
  const Directions all = sum_of(groups);
  double sum = 0.0;
  double pairs = 0.0;
  for (const Directions& group : groups) {
    const Directions others = without(all, group);
    sum += group.sum_F.dot(others.sum_F).item<double>();
    pairs += static_cast<double>(group.count) * static_cast<double>(others.count);
  }
  if (pairs == 0.0) return std::nullopt;
  return sum / pairs;
}

Directions without(const Directions& all, const Directions& group) {
  return {all.sum_F - group.sum_F, all.count - group.count};
}

Directions sum_of(const std::vector<Directions>& groups) {
  Directions sum = {at::zeros_like(groups.front().sum_F), 0};
  for (const Directions& group : groups) {
    sum.sum_F += group.sum_F;
    sum.count += group.count;
  }
  return sum;
}

namespace {

RowMoments empty_moments(std::int64_t width) {
  RowMoments moments;
  for (at::Tensor* sum :
       {&moments.mean_F, &moments.squares_F, &moments.raw.sum_F, &moments.centred.sum_F}) {
    *sum = at::zeros({width}, at::kDouble);
  }
  moments.eigenvalues = at::zeros({0}, at::kDouble);
  return moments;
}

void add_first_moments(const at::Tensor& values_NF, const at::Tensor& index, RowMoments& moments) {
  for_each_piece(values_NF, index, [&](const at::Tensor& rows) {
    const at::Tensor norms = at::linalg_vector_norm(rows, 2, at::IntArrayRef{1});
    const double* norm = norms.const_data_ptr<double>();
    moments.norms.insert(moments.norms.end(), norm, norm + norms.numel());
    moments.mean_square += square_norm(norms);
    moments.mean_F += rows.sum(0);
    add_directions(rows, norms, 0.0, moments.raw);
  });
  moments.mean_F /= static_cast<double>(moments.rows);
  moments.mean_square /= static_cast<double>(moments.rows);
}

// Where there are fewer rows than columns, the Gram matrix has the eigenvalues of the scatter that
// are not zero.
void add_second_moments(const at::Tensor& values_NF, const at::Tensor& index,
                        const at::Tensor& within_FF, RowMoments& moments) {
  const bool is_wide = moments.rows < values_NF.size(1);
  const double shortest = kRounding * std::sqrt(moments.mean_square);
  const at::Tensor scatter_FF = is_wide ? within_FF : at::zeros_like(within_FF);
  std::vector<at::Tensor> pieces;
  for_each_piece(values_NF, index, [&](const at::Tensor& rows) {
    const at::Tensor centred = rows - moments.mean_F;
    moments.squares_F += centred.square().sum(0);
    scatter_FF.addmm_(centred.t(), centred);
    add_directions(centred, at::linalg_vector_norm(centred, 2, at::IntArrayRef{1}), shortest,
                   moments.centred);
    if (is_wide) pieces.push_back(centred);
  });
  if (is_wide) {
    const at::Tensor centred_NF = at::cat(pieces);
    moments.eigenvalues = at::linalg_eigvalsh(centred_NF.mm(centred_NF.t()));
  } else {
    moments.eigenvalues = at::linalg_eigvalsh(scatter_FF);
    within_FF.add_(scatter_FF);
  }
}

}  // namespace

RowMoments moments_of(const at::Tensor& values_NF, const at::Tensor& index,
                      const at::Tensor& within_FF) {
  RowMoments moments = empty_moments(values_NF.size(1));
  moments.rows = index.numel();
  if (moments.rows == 0) return moments;
  add_first_moments(values_NF, index, moments);
  add_second_moments(values_NF, index, within_FF, moments);
  return moments;
}

}  // namespace hgnn_moe::hgt
