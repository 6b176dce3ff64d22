// Samples of different lengths one behind the other, without padding: N is the sum of the lengths.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

namespace hgnn_moe::ops {

struct PackedSamples {
  at::Tensor offsets_B1;   // int64 [B + 1], CPU: sample b holds tokens offsets[b] to offsets[b + 1]
  at::Tensor positions_N;  // int64 [N], on the device: each token's position in its sample
  at::Tensor samples_N;    // int64 [N], on the device: index in the global step of each token's
                           // sample, word 2 of the dropout counters
  std::int64_t max_length = 0;
  at::Tensor sample_indices_B;  // int64 [B], on the device: that index of each sample

  std::int64_t num_samples() const { return offsets_B1.size(0) - 1; }
  std::int64_t num_tokens() const { return positions_N.size(0); }
};

// Sample b has lengths[b] >= 0 tokens and index sample_indices[b] in the global step.
PackedSamples make_packed_samples(const std::vector<std::int64_t>& lengths,
                                  const std::vector<std::int64_t>& sample_indices,
                                  c10::Device device);

// padded_BT [B, T, ...] with T >= max_length; returns the real tokens [N, ...]. Differentiable.
at::Tensor pack_padded(const at::Tensor& padded_BT, const PackedSamples& samples);

// The reverse: packed_N [N, ...]; returns [B, max_length, ...], zero in the padding, which stands
// behind each sample. Differentiable.
at::Tensor pad_packed(const at::Tensor& packed_N, const PackedSamples& samples);

}  // namespace hgnn_moe::ops
