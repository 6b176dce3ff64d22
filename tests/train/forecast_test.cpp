#include "hgnn_moe/train/forecast.h"

#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/data/data_files.h"
#include "tests/train/small_synthetic.h"

#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/train/needed_flops.h"
#include "hgnn_moe/train/trainer.h"

namespace hgnn_moe {
namespace {

TrainConfig small(SampleMode mode) {
  TrainConfig config = small_synthetic_run();
  config.gradient_accumulation_steps = 3;
  config.epochs = 3;
  config.sample_mode = mode;
  return config;
}

// As the training loop would make its batches, with their tokens.
TrainingLength counted(const TrainConfig& config) {
  const data::Dataset dataset = data::open_dataset(config);
  const ModelConfig model = make_model_config(config, dataset.vocab_size);
  const auto rows = training_rows(config, *dataset.train);
  TrainingLength length;
  for (std::int64_t epoch = 0; epoch < config.epochs; ++epoch) {
    const auto order =
        data::epoch_order(rows, config.shuffle, static_cast<std::uint64_t>(config.seed), epoch);
    const auto samples = static_cast<std::int64_t>(order.size());
    std::int64_t batches = 0;
    for (std::int64_t first = 0; first < samples; first += config.batch_size, ++batches) {
      const data::Batch batch = data::make_batch(*dataset.train, order, first,
                                                 std::min(config.batch_size, samples - first));
      length.tokens += batch.real_tokens;
      length.flops += needed_flops(model, batch);
    }
    length.steps_per_epoch = (batches + 2) / 3;
    length.steps += length.steps_per_epoch;
  }
  return length;
}

TEST(Forecast, LengthIsThatOfTheBatches) {
  for (const SampleMode mode : {SampleMode::lines, SampleMode::packed}) {
    const TrainingLength expected = counted(small(mode));
    const TrainingLength found = Forecaster().forecast(small(mode)).length.value();
    EXPECT_EQ(found.steps, expected.steps);
    EXPECT_EQ(found.steps_per_epoch, expected.steps_per_epoch);
    EXPECT_EQ(found.tokens, expected.tokens);
    EXPECT_DOUBLE_EQ(found.flops, expected.flops);
  }
}

TEST(Forecast, KnowsSizesGraphAndData) {
  TrainConfig config = small(SampleMode::lines);
  config.coupler_type = CouplerType::hgnn;
  config.hgnn_learnable_edge_weights = false;
  const RunForecast forecast = Forecaster().forecast(config);
  EXPECT_EQ(forecast.parameters.total(), count_parameters(make_model_config(config, 64)).total());
  EXPECT_GT(forecast.memory.total, 0);
  EXPECT_EQ(forecast.graph.effect, GraphEffect::no_op);
  EXPECT_EQ(forecast.data_hash, data::open_dataset(config).content_hash);
}

TEST(Forecast, AccumulationTakesMemory) {
  TrainConfig config = small(SampleMode::lines);
  config.gradient_accumulation_steps = 1;
  const std::int64_t once = Forecaster().forecast(config).memory.total;
  config.gradient_accumulation_steps = 2;
  EXPECT_GT(Forecaster().forecast(config).memory.total, once);
}

TEST(Forecast, NoBatchIsLargerThanTheData) {
  TrainConfig config = small(SampleMode::lines);
  const auto total_of = [&](std::int64_t batch_size) {
    config.batch_size = batch_size;
    return Forecaster().forecast(config).memory.total;
  };
  config.num_eval_samples = config.num_train_samples;
  EXPECT_EQ(total_of(1000000), total_of(config.num_train_samples));
  const std::int64_t of_few = total_of(1000000);
  config.num_eval_samples = 4 * config.num_train_samples;
  EXPECT_GT(total_of(1000000), of_few) << "evaluated in batches as large as is asked for";
  config.eval_only = true;
  EXPECT_EQ(total_of(1000000), total_of(config.num_eval_samples));
}

// Lines as long as is said, in training and in evaluation.
TrainConfig on_lines(const TemporaryFolder& folder, std::size_t train, std::size_t eval) {
  const auto line = [](std::size_t length) { return data::testing::Document(length, 1); };
  data::testing::write_indexed(folder.path(), "train", {line(train), line(2)});
  data::testing::write_indexed(folder.path(), "eval", {line(eval), line(2)});
  put_file(folder / "dataset.json", R"({"vocab_size": 64})");
  TrainConfig config = small(SampleMode::lines);
  config.synthetic_data = false;
  config.dataset_name = folder.path().string();
  config.num_train_samples = config.num_eval_samples = -1;
  config.batch_size = 2;
  config.gradient_accumulation_steps = 1;
  config.max_seq_length = 24;
  return config;
}

MemoryEstimate memory_of(const TrainConfig& config) { return Forecaster().forecast(config).memory; }

TEST(Forecast, MemoryIsOfTheLongestLinesOfEachSet) {
  const TemporaryFolder lines, longer_evaluation;
  TrainConfig config = on_lines(lines, 20, 10);
  const MemoryEstimate memory = memory_of(config);
  config.max_seq_length = 5000;
  EXPECT_EQ(memory_of(config).activations, memory.activations);
  EXPECT_EQ(memory_of(config).evaluation, memory.evaluation);
  config.max_seq_length = 15;
  EXPECT_LT(memory_of(config).activations, memory.activations) << "lines are cut to so many";
  EXPECT_EQ(memory_of(config).evaluation, memory.evaluation);

  const MemoryEstimate longer = memory_of(on_lines(longer_evaluation, 20, 24));
  EXPECT_EQ(longer.activations, memory.activations);
  EXPECT_GT(longer.evaluation, memory.evaluation);
}

TEST(Forecast, MemoryIsOfAllLossesThatAreKept) {
  const TemporaryFolder lines;
  TrainConfig config = on_lines(lines, 20, 10);
  EXPECT_EQ(memory_of(config).token_losses, 0);
  config.dump_token_losses = "losses.npy";
  const std::int64_t table = 2 * (24 - 1) * 4;  // samples, targets of the longest, bytes
  EXPECT_EQ(memory_of(config).token_losses, table);
  config.eval_only = true;
  const std::int64_t weights = memory_of(config).parameters;
  config.ablate = true;
  EXPECT_EQ(memory_of(config).token_losses, 2 * table);
  EXPECT_EQ(memory_of(config).parameters, 2 * weights) << "the whole model's and another's";
}

TEST(Forecast, OneForecasterServesRunsOnDifferentData) {
  Forecaster forecaster;
  TrainConfig other = small(SampleMode::lines);
  other.max_seq_length = 12;
  const std::string hash = forecaster.forecast(small(SampleMode::lines)).data_hash;
  EXPECT_NE(forecaster.forecast(other).data_hash, hash);
  EXPECT_EQ(forecaster.forecast(small(SampleMode::lines)).data_hash, hash);
}

TEST(Forecast, WithoutDataTheLengthIsNotKnown) {
  TrainConfig config;
  config.data_dir = "nowhere";
  EXPECT_TRUE(contains(message_of_error(ExitCode::data, [&] { Forecaster().forecast(config); }),
                       "vocab_size is not known"));
  config.vocab_size = 100;
  const RunForecast forecast = Forecaster().forecast(config);
  EXPECT_FALSE(forecast.length.has_value());
  EXPECT_EQ(forecast.data_hash, "");
}

TEST(Forecast, ADataProblemIsWhatOpeningTheDataSays) {
  TrainConfig config;
  config.data_dir = "nowhere";
  const std::string said = message_of_error(ExitCode::data, [&] { data::open_dataset(config); });
  Forecaster forecaster;
  EXPECT_EQ(forecaster.data_problem(config), said);
  EXPECT_TRUE(contains(said, "no training data in")) << said;
  EXPECT_EQ(forecaster.data_problem(small(SampleMode::lines)), "");
  TrainConfig damaged = small(SampleMode::lines);
  damaged.end_of_text_id = 64;
  EXPECT_TRUE(contains(forecaster.data_problem(damaged), "outside the vocabulary"));
  EXPECT_TRUE(contains(message_of_error(ExitCode::data, [&] { forecaster.forecast(damaged); }),
                       "outside the vocabulary"));
}

TEST(KnownVocabSize, IsTheOptionsElseTheDatas) {
  const TemporaryFolder folder;
  TrainConfig config;
  config.dataset_name = folder.path().string();
  put_file(folder / "dataset.json", R"({"vocab_size": 321})");
  EXPECT_EQ(known_vocab_size(config), 321);
  config.vocab_size = 99;
  EXPECT_EQ(known_vocab_size(config), 99);
  config.vocab_size = 0;
  config.synthetic_data = true;
  EXPECT_EQ(known_vocab_size(config), 256);
  config.synthetic_data = false;
  put_file(folder / "dataset.json", "{}");
  EXPECT_TRUE(contains(message_of_error(ExitCode::data, [&] { known_vocab_size(config); }),
                       "vocab_size is not known"));
}

}  // namespace
}  // namespace hgnn_moe
