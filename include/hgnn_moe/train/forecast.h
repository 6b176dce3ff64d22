// What a run will take, before anything is allocated or trained.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/model/graph_effect.h"
#include "hgnn_moe/model/model_config.h"
#include "hgnn_moe/train/memory_estimate.h"

namespace hgnn_moe {

// Of all steps of a run.
struct TrainingLength {
  std::int64_t steps = 0;
  std::int64_t steps_per_epoch = 0;
  std::int64_t tokens = 0;  // real inputs
  double flops = 0.0;       // see needed_flops
};

struct RunForecast {
  ParameterCounts parameters;
  MemoryEstimate memory;
  GraphFinding graph;
  std::optional<TrainingLength> length;  // none without training data
  std::string data_hash;                 // of the data's content; "" without data
};

// Opens each data set once, however many runs use it.
class Forecaster {
 public:
  // Throws Error(usage) where the options do not fit together; Error(data) where there are neither
  // data nor vocab_size, or the data cannot be used.
  RunForecast forecast(const TrainConfig& config);

  // Why a run could not train: its data are missing or cannot be used; "" where they are there.
  // Throws Error(usage) as open_dataset does.
  std::string data_problem(const TrainConfig& config);

 private:
  // Null where there are none.
  const data::Dataset* dataset_of(const TrainConfig& config);

  // By the options that choose what is read.
  std::map<std::string, data::Dataset> datasets_;
  std::map<std::string, std::string> problems_;
};

// Of a run on `dataset`, or, where that is null, in full batches of what it asks for.
MemoryEstimate forecast_memory(const TrainConfig& config, const ModelConfig& model,
                               const data::Dataset* dataset);

// vocab_size, else that of the data set's dataset.json, whose tokens stay unread. Throws
// Error(data) where neither gives it or the file is wrong.
std::int64_t known_vocab_size(const TrainConfig& config);

}  // namespace hgnn_moe
