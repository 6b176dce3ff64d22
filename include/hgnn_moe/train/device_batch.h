// A micro-batch as tensors on the device.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/data/batch.h"
#include "hgnn_moe/model/forward_context.h"
#include "hgnn_moe/model/language_model.h"

namespace hgnn_moe {

struct DeviceBatch {
  at::Tensor tokens_N;            // [N] int64, the real tokens
  ops::PackedSamples samples;     // whose they are
  at::Tensor target_positions_K;  // [K] int64 in [0, N), ascending
  at::Tensor targets_K;           // [K] int64
};

// `first_index` is the index of the batch's first row in the global step.
DeviceBatch to_device(const data::Batch& batch, std::int64_t first_index, c10::Device device);

// The sum of the cross entropies of the K real targets times `scale`. Logits are made at real
// targets alone, and never all at once.
at::Tensor target_loss(const LanguageModel& model, const DeviceBatch& batch,
                       const ForwardContext& context, double scale);

// Each of those, [K], without a gradient.
at::Tensor target_losses(const LanguageModel& model, const DeviceBatch& batch,
                         const ForwardContext& context);

}  // namespace hgnn_moe
