// Samples of different lengths one behind the other, without padding: N is the sum of the lengths.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

namespace hgnn_moe::ops {

// All int64, on the device.
struct PackedSamples {
  at::Tensor offsets_B1;   // [B + 1]: sample b holds tokens offsets[b] to offsets[b + 1]
  at::Tensor positions_N;  // [N]: each token's position in its sample
  at::Tensor samples_N;    // [N]: index in the global step of each token's sample, word 2 of the
                           // dropout counters
  std::int64_t max_length = 0;  // no sample is longer
  at::Tensor sample_indices_B;  // [B]: that index of each sample
  at::Tensor rows_N;            // [N]: b of each token's sample

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
