#include "hgnn_moe/train/device_batch.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "hgnn_moe/model/profile_scopes.h"
#include "hgnn_moe/ops/copy_together.h"

namespace hgnn_moe {

namespace {

at::Tensor hidden_at_targets(const LanguageModel& model, const DeviceBatch& batch,
                             const ForwardContext& context) {
  const at::Tensor hidden_ND = model.hidden(batch.tokens_N, batch.samples, context);
  return hidden_ND.index_select(0, batch.target_positions_K);
}

// Numbers of tokens that batches can have. More would pad less, which is 1 in 64 on average of a
// full batch's tokens; 16 would save a tenth of the memory.
constexpr std::int64_t kSizes = 32;

}  // namespace

Padding few_sizes(const BatchLimits& limits) {
  return {std::max<std::int64_t>(1, limits.samples * limits.length / kSizes), limits.length};
}

DeviceBatch to_device(const data::Batch& batch, std::int64_t first_index, c10::Device device,
                      const Padding& padding) {
  RECORD_USER_SCOPE(profile_scope::kData);
  const std::vector<std::int64_t> lengths =
      padded_lengths(batch.lengths, round_up(batch.real_tokens, padding.unit) - batch.real_tokens,
                     padding.max_length);
  std::vector<std::int64_t> tokens, positions, targets, sample_indices;
  for (std::int64_t b = 0; b < batch.size; ++b) {
    for (std::int64_t t = 0; t < batch.lengths[b]; ++t) {
      const std::int64_t i = b * batch.length + t;
      if (batch.targets[i] != data::kNoTarget) {
        positions.push_back(static_cast<std::int64_t>(tokens.size()));
        targets.push_back(batch.targets[i]);
      }
      tokens.push_back(batch.tokens[i]);
    }
    tokens.insert(tokens.end(), static_cast<std::size_t>(lengths[b] - batch.lengths[b]),
                  kPaddingToken);
    sample_indices.push_back(first_index + b);
  }
  const auto real_targets = static_cast<std::int64_t>(targets.size());
  const auto rows = static_cast<std::size_t>(round_up(real_targets, padding.unit));
  positions.resize(rows, 0);
  targets.resize(rows, kPaddingToken);
  const std::vector<at::Tensor> of_batch = ops::copy_together({tokens, positions, targets}, device);
  return {of_batch[0], ops::make_packed_samples(lengths, sample_indices, device), of_batch[1],
          of_batch[2], real_targets};
}

at::Tensor target_loss(const LanguageModel& model, const DeviceBatch& batch,
                       const ForwardContext& context, double scale) {
  const at::Tensor hidden_KD = hidden_at_targets(model, batch, context);
  if (hidden_KD.size(0) == batch.real_targets) {
    return model.loss(hidden_KD, batch.targets_K, scale);
  }
  const at::Tensor weights_K = at::zeros({hidden_KD.size(0)}, hidden_KD.options());
  weights_K.narrow(0, 0, batch.real_targets).fill_(1.0);
  return model.loss(hidden_KD, batch.targets_K, scale, weights_K);
}

at::Tensor target_losses(const LanguageModel& model, const DeviceBatch& batch,
                         const ForwardContext& context) {
  return model.losses(hidden_at_targets(model, batch, context), batch.targets_K)
      .narrow(0, 0, batch.real_targets);
}

}  // namespace hgnn_moe
