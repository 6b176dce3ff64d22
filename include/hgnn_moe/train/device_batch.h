// A micro-batch as tensors on the device.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/data/batch.h"
#include "hgnn_moe/model/forward_context.h"
#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/train/buckets.h"

namespace hgnn_moe {

struct DeviceBatch {
  at::Tensor tokens_N;            // [N] int64, the real tokens and some padding
  ops::PackedSamples samples;     // whose they are
  at::Tensor target_positions_K;  // [K] int64 in [0, N), ascending up to the padding
  at::Tensor targets_K;           // [K] int64
  std::int64_t real_targets = 0;  // the first of K; the others are padding
};

// How far N and K are padded: up to a multiple of `unit`, as far as samples of `max_length` tokens
// have room. Padding tokens follow the real ones of their sample, which do not attend to them.
struct Padding {
  std::int64_t unit = 1;
  std::int64_t max_length = 0;
};

// That of batches within the limits. What a step allocates depends on N. Where every step has
// another, freed pieces fit no later request and the heap grows, and so does what libraries keep of
// each shape they have met: memory doubles within some hundred steps.
Padding few_sizes(const BatchLimits& limits);

// `first_index` is the index of the batch's first row in the global step.
DeviceBatch to_device(const data::Batch& batch, std::int64_t first_index, c10::Device device,
                      const Padding& padding = {});

// The sum of the cross entropies of the real targets times `scale`. Logits are made at targets
// alone, and never all at once.
at::Tensor target_loss(const LanguageModel& model, const DeviceBatch& batch,
                       const ForwardContext& context, double scale);

// Each of those, [real_targets], without a gradient.
at::Tensor target_losses(const LanguageModel& model, const DeviceBatch& batch,
                         const ForwardContext& context);

}  // namespace hgnn_moe
