// Launchers of counter_dropout: plain pointers and sizes, contiguous [B, A, T, F].
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/counter_dropout.h"

namespace hgnn_moe::ops {

struct DropoutShape {
  std::int64_t batch, heads, positions, features;
};

// Words below the threshold are dropped.
inline std::uint32_t dropout_threshold(double rate) {
  return static_cast<std::uint32_t>(std::floor(rate * 4294967296.0));
}

// [..., 4] int64: the words of philox(key, counter) in plain ATen, for counters of int64 tensors
// that broadcast against each other.
at::Tensor philox_words(std::uint64_t key, const std::array<at::Tensor, 4>& counter);

// out = x masked and scaled; x and out may be the same tensor.
void counter_dropout_cpu(const at::Tensor& x, const DropoutStream& stream,
                         const at::Tensor& sample_indices_B, const DropoutShape& shape,
                         at::Tensor& out);
void counter_dropout_cuda(const at::Tensor& x, const DropoutStream& stream,
                          const at::Tensor& sample_indices_B, const DropoutShape& shape,
                          at::Tensor& out);

}  // namespace hgnn_moe::ops
