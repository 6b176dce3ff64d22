#include "hgnn_moe/train/forecast.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/config/train_options.h"
#include "hgnn_moe/data/data_folder.h"
#include "hgnn_moe/data/synthetic.h"
#include "hgnn_moe/train/buckets.h"
#include "hgnn_moe/train/device.h"
#include "hgnn_moe/train/needed_flops.h"
#include "hgnn_moe/train/plan.h"
#include "hgnn_moe/train/step_runner.h"
#include "hgnn_moe/train/trainer.h"

namespace hgnn_moe {

namespace {

[[noreturn]] void fail_without_vocabulary(const TrainConfig& config) {
  fail(ExitCode::data,
       "vocab_size is not known: there are no data in {}; prepare them or give --vocab_size",
       data_folder(config));
}

// The lengths alone of a micro-batch of rows [begin, end).
data::Batch lengths_of(const data::SampleSet& set, std::int64_t max_length,
                       const std::vector<std::int64_t>& order, std::int64_t begin,
                       std::int64_t end) {
  // A line's last token has no target, a window's has.
  const std::int64_t without_target = max_length - set.max_targets();
  data::Batch batch;
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t length = set.length(order[static_cast<std::size_t>(i)]);
    batch.lengths.push_back(length);
    batch.real_tokens += length;
    batch.real_targets += length - without_target;
  }
  return batch;
}

// Follows the micro-batches of every epoch, whose samples differ in length.
TrainingLength training_length(const TrainConfig& config, const ModelConfig& model,
                               const data::SampleSet& set) {
  const auto rows = training_rows(config, set);
  const TrainPlan plan = make_plan(config, static_cast<std::int64_t>(rows.size()));
  TrainingLength length{plan.total_steps, plan.steps_per_epoch};
  for (std::int64_t first = 0, epoch = 0; first < plan.total_steps; ++epoch) {
    const std::int64_t steps = std::min(plan.steps_per_epoch, plan.total_steps - first);
    const auto order =
        data::epoch_order(rows, config.shuffle, static_cast<std::uint64_t>(config.seed), epoch);
    for (std::int64_t i = 0; i < plan.last_batch(steps - 1); ++i) {
      const std::int64_t begin = i * plan.batch_size;
      const data::Batch batch =
          lengths_of(set, config.max_seq_length, order, begin, begin + plan.batch_samples(i));
      length.tokens += batch.real_tokens;
      length.flops += needed_flops(model, batch);
    }
    first += steps;
  }
  return length;
}

// Where the run would be; the device itself need not be here.
c10::Device device_type(const TrainConfig& config) {
  if (config.device == "auto") return choose_device("auto").device;
  return config.device == "cpu" ? c10::kCPU : c10::kCUDA;
}

// Whether a run of so many steps, if that is known, saves before its last one.
bool saves_before_the_end(const TrainConfig& config, const std::optional<TrainPlan>& plan) {
  const auto is_before_the_end = [&](std::int64_t every) {
    return every > 0 && (!plan.has_value() || every < plan->total_steps);
  };
  return is_before_the_end(config.eval_every) || is_before_the_end(config.save_every);
}

std::int64_t evaluated_samples(const TrainConfig& config, const data::SampleSet& set) {
  return data::chosen_count(set.size(), config.num_eval_samples);
}

// Of the batches of an evaluation.
BatchLimits evaluation_limits(const TrainConfig& config, const data::SampleSet& set) {
  return limits_of(set, std::min(config.batch_size, evaluated_samples(config, set)));
}

// What evaluations of this run keep at once of single targets' losses: ablations those of the whole
// model beside another's.
std::int64_t token_loss_bytes(const TrainConfig& config, const data::SampleSet& set) {
  const std::int64_t tables = config.ablate ? 2 : config.dump_token_losses.empty() ? 0 : 1;
  return tables * evaluated_samples(config, set) * set.max_targets() *
         static_cast<std::int64_t>(sizeof(float));
}

// The options that choose what is read. A folder's name may hold bytes that are no text.
std::string key_of_data(const TrainConfig& config) {
  return json_text(
      Json({config.synthetic_data ? "" : data_folder(config), to_string(config.sample_mode),
            config.synthetic_data, config.max_seq_length, config.vocab_size, config.end_of_text_id,
            config.eval_only}));
}

}  // namespace

const data::Dataset* Forecaster::dataset_of(const TrainConfig& config) {
  if (!config.synthetic_data && !data::dataset_exists(config)) return nullptr;
  const std::string key = key_of_data(config);
  const auto known = problems_.find(key);
  if (known != problems_.end() && !known->second.empty()) {
    throw Error(ExitCode::data, known->second);
  }
  auto found = datasets_.find(key);
  if (found == datasets_.end()) {
    found = datasets_.emplace(key, data::open_dataset(config)).first;
  }
  return &found->second;
}

std::string Forecaster::data_problem(const TrainConfig& config) {
  const std::string key = key_of_data(config);
  const auto found = problems_.find(key);
  if (found != problems_.end()) return found->second;
  std::string problem;
  try {
    // What is not there is opened for its sentence.
    if (dataset_of(config) == nullptr) data::open_dataset(config);
  } catch (const Error& error) {
    if (error.code() != ExitCode::data) throw;
    problem = error.what();
  }
  return problems_[key] = problem;
}

RunForecast Forecaster::forecast(const TrainConfig& config) {
  const data::Dataset* dataset = dataset_of(config);
  const std::int64_t vocab_size = dataset != nullptr ? dataset->vocab_size : config.vocab_size;
  if (vocab_size == 0) fail_without_vocabulary(config);
  const ModelConfig model = make_model_config(config, vocab_size);
  RunForecast forecast;
  forecast.parameters = count_parameters(model);
  forecast.graph = graph_effect(model);
  if (dataset != nullptr) forecast.data_hash = dataset->content_hash;
  if (dataset != nullptr && dataset->train != nullptr) {
    forecast.length = training_length(config, model, *dataset->train);
  }
  forecast.memory = forecast_memory(config, model, dataset);
  return forecast;
}

MemoryEstimate forecast_memory(const TrainConfig& config, const ModelConfig& model,
                               const data::Dataset* dataset) {
  const bool trains_on_data = dataset != nullptr && dataset->train != nullptr;
  std::optional<TrainPlan> plan;
  if (trains_on_data) plan = make_plan(config, *dataset->train);
  const Execution execution{config.coupler_path, config.coupler_chunk,
                            resolve_path(config.expert_path), config.activation_checkpointing};
  const bool on_gpu = device_type(config).is_cuda();
  const bool captured = on_gpu && can_capture(config, resolve_path(model, config.coupler_path));
  StepInMemory step{config.batch_size,
                    execution,
                    saves_before_the_end(config, plan),
                    on_gpu,
                    captured,
                    config.gradient_accumulation_steps,
                    /*trains=*/!config.eval_only,
                    /*models=*/config.ablate ? 2 : 1};
  if (dataset != nullptr) {  // no batch is larger than the data
    const BatchLimits evaluated = evaluation_limits(config, *dataset->eval);
    const BatchLimits limits =
        trains_on_data ? limits_of(*dataset->train, plan->batch_samples(0)) : evaluated;
    step.batch_size = limits.samples;
    step.length = limits.length;
    step.evaluated = evaluated.samples * evaluated.length;
    step.token_losses = token_loss_bytes(config, *dataset->eval);
  }
  return estimate_memory(model, step);
}

std::int64_t known_vocab_size(const TrainConfig& config) {
  if (config.vocab_size > 0) return config.vocab_size;
  if (config.synthetic_data) return data::kSyntheticVocabSize;
  const std::int64_t vocab_size = data::read_dataset_info(data_folder(config)).vocab_size;
  if (vocab_size == 0) fail_without_vocabulary(config);
  return vocab_size;
}

}  // namespace hgnn_moe
