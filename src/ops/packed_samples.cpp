#include "hgnn_moe/ops/packed_samples.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/copy_together.h"

namespace hgnn_moe::ops {

namespace {

// Where each token stands in [B, T, ...] flattened to [B T, ...]: int64 [N].
at::Tensor padded_rows(const PackedSamples& samples, std::int64_t length) {
  return samples.rows_N * length + samples.positions_N;
}

}  // namespace

PackedSamples make_packed_samples(const std::vector<std::int64_t>& lengths,
                                  const std::vector<std::int64_t>& sample_indices,
                                  c10::Device device) {
  HGNN_MOE_ASSERT(lengths.size() == sample_indices.size(), "{} lengths and {} sample indices",
                  lengths.size(), sample_indices.size());
  std::vector<std::int64_t> offsets{0}, positions, samples, rows;
  std::int64_t max_length = 0;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    HGNN_MOE_ASSERT(lengths[b] >= 0, "sample {} of length {}", b, lengths[b]);
    offsets.push_back(offsets.back() + lengths[b]);
    for (std::int64_t t = 0; t < lengths[b]; ++t) positions.push_back(t);
    samples.insert(samples.end(), static_cast<std::size_t>(lengths[b]), sample_indices[b]);
    rows.insert(rows.end(), static_cast<std::size_t>(lengths[b]), static_cast<std::int64_t>(b));
    max_length = std::max(max_length, lengths[b]);
  }
  const std::vector<at::Tensor> on_device =
      copy_together({offsets, positions, samples, sample_indices, rows}, device);
  return {on_device[0], on_device[1], on_device[2], max_length, on_device[3], on_device[4]};
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
      packed_N.new_zeros(shape).index_copy_(0, padded_rows(samples, samples.max_length), packed_N);
  return padded.unflatten(0, {samples.num_samples(), samples.max_length});
}

}  // namespace hgnn_moe::ops
