// Dropout whose mask is a pure function of counters: the same for any padding, packing,
// accumulation, thread count or device, and recomputed instead of stored for the backward pass.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// Keys of streams of random numbers (philox_stream_key of seed, step and site): int64 [n] of the
// same bits, on the CPU. Kernels read keys from memory, so that a step which was captured once can
// be replayed with the keys of another.
at::Tensor dropout_keys(const std::vector<std::uint64_t>& keys);

// One use of dropout.
struct DropoutStream {
  double rate = 0.0;  // in [0, 1); 0 is the identity, and the key is not read
  at::Tensor key;     // one of dropout_keys, on the device
};

// x [B, T, F] or, for attention probabilities, [B, A, T, F] with F the key position.
// sample_indices_B [B] int64 on x's device: the row's index in the global step. Element
// (b, a, t, f) is kept where word f % 4 of
// philox(key, {f / 4, t, sample_indices_B[b], a}) >= rate * 2^32, and then scaled by
// 1 / (1 - rate). With first_positions_B [B] int64 the position is first_positions_B[b] + t: packed
// tokens [N, 1, F] with the sample and the position of each have the masks of the padded ones.
at::Tensor counter_dropout(const at::Tensor& x, const DropoutStream& stream,
                           const at::Tensor& sample_indices_B,
                           const at::Tensor& first_positions_B = {});

// The same in plain ATen operations on int64 tensors.
at::Tensor counter_dropout_reference(const at::Tensor& x, const DropoutStream& stream,
                                     const at::Tensor& sample_indices_B,
                                     const at::Tensor& first_positions_B = {});

}  // namespace hgnn_moe::ops
