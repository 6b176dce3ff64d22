#include "hgnn_moe/ops/packed_samples.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

// Where each token stands in [B, T, ...] flattened to [B T, ...]: int64 [N] on the device.
at::Tensor padded_rows(const PackedSamples& samples, std::int64_t length) {
  const at::Tensor batch_rows_N = at::repeat_interleave(samples.offsets_B1.diff());
  return batch_rows_N.to(samples.positions_N.device()) * length + samples.positions_N;
}

}  // namespace

PackedSamples make_packed_samples(const std::vector<std::int64_t>& lengths,
                                  const std::vector<std::int64_t>& sample_indices,
                                  c10::Device device) {
  HGNN_MOE_ASSERT(lengths.size() == sample_indices.size(), "{} lengths and {} sample indices",
                  lengths.size(), sample_indices.size());
  std::vector<std::int64_t> offsets{0}, positions, samples;
  std::int64_t max_length = 0;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    HGNN_MOE_ASSERT(lengths[b] >= 0, "sample {} of length {}", b, lengths[b]);
    offsets.push_back(offsets.back() + lengths[b]);
    for (std::int64_t t = 0; t < lengths[b]; ++t) positions.push_back(t);
    samples.insert(samples.end(), static_cast<std::size_t>(lengths[b]), sample_indices[b]);
    max_length = std::max(max_length, lengths[b]);
  }
  return {at::tensor(offsets, at::kLong), at::tensor(positions, at::kLong).to(device),
          at::tensor(samples, at::kLong).to(device), max_length,
          at::tensor(sample_indices, at::kLong).to(device)};
}

at::Tensor pack_padded(const at::Tensor& padded_BT, const PackedSamples& samples) {
  HGNN_MOE_ASSERT(padded_BT.dim() >= 2 && padded_BT.size(0) == samples.num_samples() &&
                      padded_BT.size(1) >= samples.max_length,
                  "{} x {} padded tokens for {} samples of at most {}", padded_BT.size(0),
                  padded_BT.size(1), samples.num_samples(), samples.max_length);
  return padded_BT.flatten(0, 1).index_select(0, padded_rows(samples, padded_BT.size(1)));
}

at::Tensor pad_packed(const at::Tensor& packed_N, const PackedSamples& samples) {
  HGNN_MOE_ASSERT(packed_N.dim() >= 1 && packed_N.size(0) == samples.num_tokens(),
                  "{} tokens where the samples hold {}", packed_N.size(0), samples.num_tokens());
  std::vector<std::int64_t> shape = packed_N.sizes().vec();
  shape[0] = samples.num_samples() * samples.max_length;
  const at::Tensor padded =
      packed_N.new_zeros(shape).index_copy(0, padded_rows(samples, samples.max_length), packed_N);
  return padded.unflatten(0, {samples.num_samples(), samples.max_length});
}

}  // namespace hgnn_moe::ops
