#include "hgnn_moe/train/device_batch.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "hgnn_moe/model/profile_scopes.h"

namespace hgnn_moe {

namespace {

at::Tensor copy_to(const std::vector<std::int64_t>& values, at::IntArrayRef shape,
                   c10::Device device) {
  // from_blob does not own; clone before the vector goes.
  return at::from_blob(const_cast<std::int64_t*>(values.data()), shape,
                       at::TensorOptions().dtype(at::kLong))
      .clone()
      .to(device);
}

at::Tensor hidden_at_targets(const LanguageModel& model, const DeviceBatch& batch,
                             const ForwardContext& context) {
  const at::Tensor hidden_ND = model.hidden(batch.tokens_BT, context).flatten(0, 1);
  return hidden_ND.index_select(0, batch.target_positions_K);
}

}  // namespace

DeviceBatch to_device(const data::Batch& batch, std::int64_t first_index, c10::Device device) {
  RECORD_USER_SCOPE(profile_scope::kData);
  std::vector<std::int64_t> positions, targets, sample_indices;
  positions.reserve(static_cast<std::size_t>(batch.real_targets));
  targets.reserve(positions.capacity());
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    if (batch.targets[i] == data::kNoTarget) continue;
    positions.push_back(static_cast<std::int64_t>(i));
    targets.push_back(batch.targets[i]);
  }
  for (std::int64_t b = 0; b < batch.size; ++b) sample_indices.push_back(first_index + b);
  const auto count = static_cast<std::int64_t>(positions.size());
  DeviceBatch tensors;
  tensors.tokens_BT = copy_to(batch.tokens, {batch.size, batch.length}, device);
  tensors.lengths_B = copy_to(batch.lengths, {batch.size}, device);
  tensors.sample_indices_B = copy_to(sample_indices, {batch.size}, device);
  tensors.target_positions_K = copy_to(positions, {count}, device);
  tensors.targets_K = copy_to(targets, {count}, device);
  return tensors;
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
