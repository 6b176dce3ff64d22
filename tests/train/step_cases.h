// Small models and batches of lines, for tests of training steps.
#pragma once

#include <numeric>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "tests/support/noisy_model.h"

#include "hgnn_moe/data/batch.h"
#include "hgnn_moe/model/language_model.h"

namespace hgnn_moe {

inline constexpr std::int64_t kStepVocabulary = 23, kStepLength = 12;

inline ModelConfig step_model_config(CouplerType type) {
  ModelConfig config;
  config.vocab_size = kStepVocabulary;
  config.max_seq_length = kStepLength;
  config.embed_dim = 12;
  config.num_layers = 2;
  config.num_heads = 3;
  config.num_experts = 3;
  config.coupler_layers = 2;
  config.coupler_type = type;
  if (type == CouplerType::hgnn) config.hypergraph = ops::complete_uniform_hypergraph(3, 2);
  return config;
}

inline LanguageModel step_model(const ModelConfig& config, at::ScalarType type, c10::Device device,
                                const Execution& execution = {}) {
  LanguageModel model(config, 3, type, device, execution);
  testing::add_noise(model, 0.2);
  return model;
}

// Lines: the last token of each has no target. Token ids lie in [1, 23) and depend on `seed`.
inline data::Batch step_batch(const std::vector<std::int64_t>& lengths, std::int64_t seed) {
  data::Batch batch;
  batch.size = static_cast<std::int64_t>(lengths.size());
  batch.lengths = lengths;
  for (const std::int64_t length : lengths) batch.length = std::max(batch.length, length);
  const auto id = [&](std::int64_t b, std::int64_t t) {
    return 1 + (7 * t + 5 * b + 3 * seed) % (kStepVocabulary - 1);
  };
  for (std::int64_t b = 0; b < batch.size; ++b) {
    for (std::int64_t t = 0; t < batch.length; ++t) {
      const bool real = t < lengths[b], has_target = t + 1 < lengths[b];
      batch.tokens.push_back(real ? id(b, t) : 0);
      batch.targets.push_back(has_target ? id(b, t + 1) : data::kNoTarget);
      batch.real_tokens += real;
      batch.real_targets += has_target;
    }
  }
  return batch;
}

// All gradients, zero where there is none; drops them.
inline std::vector<at::Tensor> take_gradients(const LanguageModel& model) {
  std::vector<at::Tensor> result;
  for (const NamedParameter& parameter : model.parameters()) {
    at::Tensor tensor = parameter.tensor;
    result.push_back(tensor.grad().defined() ? tensor.grad() : at::zeros_like(tensor));
    tensor.mutable_grad().reset();
  }
  return result;
}

}  // namespace hgnn_moe
