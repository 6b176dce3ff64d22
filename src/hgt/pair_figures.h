// Figures over pairs of rows that have no formula in sums: all pairs of a sample, or given pairs.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/hgt/embedding_report.h"

namespace hgnn_moe::hgt {

// Unit vectors (float64) of those of `rows` that have a direction.
at::Tensor unit_rows(const at::Tensor& values_NF, const std::vector<std::int64_t>& rows);

// Over all pairs of unit vectors.
Uniformity uniformity_of(const at::Tensor& unit_NF);

// Of the cosines of all pairs of unit vectors, from -1 to 1.
Histogram cosine_histogram(const at::Tensor& unit_NF);

// Over those pairs of which both rows are finite and have a direction; others are left out.
Alignment alignment_of(const at::Tensor& values_NF, const PositivePairs& pairs);

}  // namespace hgnn_moe::hgt
