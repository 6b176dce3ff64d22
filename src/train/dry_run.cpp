#include "hgnn_moe/train/dry_run.h"

#include <algorithm>
#include <optional>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/model/model_config.h"
#include "hgnn_moe/ops/cuda_device.h"
#include "hgnn_moe/train/device.h"
#include "hgnn_moe/train/memory_estimate.h"
#include "hgnn_moe/train/plan.h"
#include "hgnn_moe/train/step_runner.h"
#include "hgnn_moe/train/trainer.h"

namespace hgnn_moe {

namespace {

struct TrainingLength {
  std::int64_t steps = 0;
  std::int64_t tokens = 0;  // real input tokens of all steps
};

// Follows the batches of every epoch, whose samples differ in length.
TrainingLength training_length(const TrainConfig& config, const data::SampleSet& set) {
  const auto seed = static_cast<std::uint64_t>(config.seed);
  const auto rows = training_rows(config, set);
  const TrainPlan plan = make_plan(config, static_cast<std::int64_t>(rows.size()));
  TrainingLength length{plan.total_steps, 0};
  for (std::int64_t first = 0, epoch = 0; first < plan.total_steps; ++epoch) {
    const std::int64_t steps = std::min(plan.steps_per_epoch, plan.total_steps - first);
    const std::int64_t samples =
        std::min(plan.last_batch(steps - 1) * plan.batch_size, plan.samples);
    const auto order = data::epoch_order(rows, config.shuffle, seed, epoch);
    for (std::int64_t i = 0; i < samples; ++i) length.tokens += set.length(order[i]);
    first += steps;
  }
  return length;
}

// Where the run would be; the device itself need not be here.
c10::Device device_type(const TrainConfig& config) {
  if (config.device == "auto") return choose_device("auto", ops::cuda_status()).device;
  return config.device == "cpu" ? c10::kCPU : c10::kCUDA;
}

// Whether a run of so many steps, if that is known, saves before its last one.
bool saves_before_the_end(const TrainConfig& config, std::optional<std::int64_t> steps) {
  const auto is_before_the_end = [&](std::int64_t every) {
    return every > 0 && (!steps.has_value() || every < *steps);
  };
  return is_before_the_end(config.eval_every) || is_before_the_end(config.save_every);
}

}  // namespace

Json dry_run_record(const ParsedConfig& parsed) {
  const TrainConfig& config = parsed.config;
  std::optional<data::Dataset> dataset;
  std::int64_t vocab_size = config.vocab_size;
  if (config.synthetic_data || data::dataset_exists(config)) {
    dataset = data::open_dataset(config);
    vocab_size = dataset->vocab_size;
  }
  if (vocab_size == 0) {
    fail(ExitCode::usage,
         "vocab_size is not known: there are no data in {}; prepare them or give --vocab_size",
         data_folder(config));
  }
  const ModelConfig model = make_model_config(config, vocab_size);
  const ParameterCounts counts = count_parameters(model);
  std::optional<TrainingLength> length;
  if (dataset.has_value() && dataset->train != nullptr) {
    length = training_length(config, *dataset->train);
  }
  const c10::Device device = device_type(config);
  const Execution execution{config.coupler_path, config.coupler_chunk,
                            resolve_path(config.expert_path), config.activation_checkpointing};
  const std::optional<std::int64_t> steps = length ? std::optional(length->steps) : std::nullopt;
  const bool captured =
      device.is_cuda() && can_capture(config, resolve_path(model, config.coupler_path));
  const MemoryEstimate memory =
      estimate_memory(model, {config.batch_size, execution, saves_before_the_end(config, steps),
                              device.is_cuda(), captured});
  Json record = Json::object();
  record["config"] = to_json(config);
  record["parameters"] = {{"total", counts.total()},
                          {"embeddings", counts.embeddings},
                          {"experts", counts.experts},
                          {"couplers", counts.couplers},
                          {"head", counts.head}};
  record["memory"] = {{"parameters", memory.parameters},
                      {"gradients", memory.gradients},
                      {"optimizer", memory.optimizer},
                      {"snapshot", memory.snapshot},
                      {"activations", memory.activations},
                      {"runtime", memory.runtime},
                      {"total", memory.total}};
  record["steps"] = length ? Json(length->steps) : Json(nullptr);
  record["tokens"] = length ? Json(length->tokens) : Json(nullptr);
  return record;
}

}  // namespace hgnn_moe
