// Dropout whose mask is a pure function of counters: the same for any padding, packing,
// accumulation, thread count or device, and recomputed instead of stored for the backward pass.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// One use of dropout: its rate and the key of its stream of random numbers
// (philox_stream_key of seed, step and site).
struct DropoutStream {
  double rate = 0.0;  // in [0, 1); 0 is the identity
  std::uint64_t key = 0;
};

// x [B, T, F] or, for attention probabilities, [B, A, T, F] with F the key position.
// sample_indices_B [B] int64 on x's device: the row's index in the global step. Element
// (b, a, t, f) is kept where word f % 4 of
// philox(key, {f / 4, t, sample_indices_B[b], a}) >= rate * 2^32, and then scaled by
// 1 / (1 - rate).
at::Tensor counter_dropout(const at::Tensor& x, const DropoutStream& stream,
                           const at::Tensor& sample_indices_B);

// The same in plain ATen operations on int64 tensors.
at::Tensor counter_dropout_reference(const at::Tensor& x, const DropoutStream& stream,
                                     const at::Tensor& sample_indices_B);

}  // namespace hgnn_moe::ops
