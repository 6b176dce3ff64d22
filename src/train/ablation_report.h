// RUN/ablation: what each part of a model is worth.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <spdlog/logger.h>

#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/train/evaluation.h"

namespace hgnn_moe {

// Where the weights come from.
struct WeightSource {
  std::optional<std::string> checkpoint;  // none: drawn from the seed
  std::optional<std::int64_t> step;       // none where it is not known
};

struct Evaluated {
  EvaluationResult result;
  TokenLosses losses;
};

// Evaluates the model without each part that it can do without (model/ablation.h), one after the
// other, and writes ablation.json with a row each, that of `whole` first, and the losses of all
// targets as NAME.npy into `folder`, whose earlier content goes. Throws Error(disk).
void write_ablations(const std::filesystem::path& folder, const WeightSource& source,
                     const LanguageModel& model, const Evaluated& whole,
                     const std::function<Evaluated(const LanguageModel&)>& evaluate,
                     spdlog::logger& log);

}  // namespace hgnn_moe
