// Variances of rows along their principal directions.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/hgt/embedding_report.h"

namespace hgnn_moe::hgt {

// Of eigenvalues of a scatter matrix (float64, any order) of rows with `degrees` degrees of freedom
// in `width` dimensions. Variances below `floor` count as 0.
Spectrum spectrum_of(const at::Tensor& eigenvalues, std::int64_t degrees, std::int64_t width,
                     double floor);

}  // namespace hgnn_moe::hgt
