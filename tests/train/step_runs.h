// Steps of a small model, one after the other, on batches of all sizes.
#pragma once

#include <vector>

#include <ATen/ATen.h>

#include "tests/train/step_cases.h"

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/train/optimizer.h"
#include "hgnn_moe/train/step_runner.h"

namespace hgnn_moe {

constexpr BatchLimits kLimits{6, kStepLength};

inline TrainConfig config_of(std::int64_t accumulation, double rate) {
  TrainConfig config;
  config.batch_size = kLimits.samples;
  config.gradient_accumulation_steps = accumulation;
  config.dropout_rate = rate;
  config.seed = 5;
  return config;
}

// Batches of all sizes, so that most buckets are in use.
inline std::vector<data::Batch> batches_of(std::int64_t step, std::int64_t accumulation) {
  std::vector<data::Batch> batches;
  for (std::int64_t i = 0; i < accumulation; ++i) {
    std::vector<std::int64_t> lengths;
    for (std::int64_t b = 0; b < kLimits.samples; ++b)
      lengths.push_back(1 + (5 * step + 3 * i + 7 * b) % 12);
    if (step % 3 == 1) lengths.resize(2);
    batches.push_back(step_batch(lengths, step + 10 * i));
  }
  return batches;
}

inline StepPlan plan_of(std::int64_t step, const std::vector<data::Batch>& batches) {
  StepPlan plan;
  plan.step = step;
  plan.learning_rate = 0.01 / static_cast<double>(step + 1);
  for (const data::Batch& batch : batches) plan.targets += batch.real_targets;
  return plan;
}

inline ParameterList copies(const ParameterList& list) {
  ParameterList result;
  for (const NamedParameter& p : list) result.push_back({p.name, p.tensor.detach().clone()});
  return result;
}

// Everything that a step writes on the device.
inline std::vector<at::Tensor> written_by_steps(const LanguageModel& model,
                                                const AdamW& optimizer) {
  std::vector<at::Tensor> tensors;
  for (const NamedParameter& p : model.parameters()) {
    tensors.push_back(p.tensor);
    if (p.rounded == nullptr) continue;
    if (const at::Tensor rounded = p.rounded->to_update(); rounded.defined()) {
      tensors.push_back(rounded);
    }
  }
  for (const NamedParameter& p : optimizer.state()) tensors.push_back(p.tensor);
  return tensors;
}

}  // namespace hgnn_moe
