#include "hgnn_moe/train/device_batch.h"

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

}  // namespace

DeviceBatch to_device(const data::Batch& batch, std::int64_t first_index, c10::Device device) {
  RECORD_USER_SCOPE(profile_scope::kData);
  std::vector<std::int64_t> tokens, positions, targets, sample_indices;
  tokens.reserve(static_cast<std::size_t>(batch.real_tokens));
  positions.reserve(static_cast<std::size_t>(batch.real_targets));
  targets.reserve(positions.capacity());
  for (std::int64_t b = 0; b < batch.size; ++b) {
    for (std::int64_t i = b * batch.length; i < b * batch.length + batch.lengths[b]; ++i) {
      if (batch.targets[i] != data::kNoTarget) {
        positions.push_back(static_cast<std::int64_t>(tokens.size()));
        targets.push_back(batch.targets[i]);
      }
      tokens.push_back(batch.tokens[i]);
    }
    sample_indices.push_back(first_index + b);
  }
  const std::vector<at::Tensor> of_batch = ops::copy_together({tokens, positions, targets}, device);
  return {of_batch[0], ops::make_packed_samples(batch.lengths, sample_indices, device), of_batch[1],
          of_batch[2]};
}

at::Tensor target_loss(const LanguageModel& model, const DeviceBatch& batch,
                       const ForwardContext& context, double scale) {
  return model.loss(hidden_at_targets(model, batch, context), batch.targets_K, scale);
}

at::Tensor target_losses(const LanguageModel& model, const DeviceBatch& batch,
                         const ForwardContext& context) {
  return model.losses(hidden_at_targets(model, batch, context), batch.targets_K);
}

}  // namespace hgnn_moe
