// What a run leaves: every file with the fields that others rely on.
#include <algorithm>
#include <cmath>

#include "tests/e2e/program_fixture.h"

#include "hgnn_moe/base/safetensors.h"

namespace hgnn_moe::e2e {
namespace {

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

class TrainingRecordsTest : public ProgramTest {
 protected:
  TrainingRecordsTest() {
    write_dataset(path("text"), make_documents(20, 1), make_documents(5, 2));
  }

  const Flags flags_ =
      tiny().with({{"dataset_name", "text"}, {"max_steps", "4"}, {"eval_every", "2"}});
  const fs::path run_ = path("runs/run");
};

TEST_F(TrainingRecordsTest, MetricsOfAGnn) {
  expect_success(run(flags_.with({{"num_layers", "2"}, {"gnn_layers", "2"}})));
  std::vector<std::string> events;
  for (const Json& line : read_metrics(run_)) {
    const std::string event = line.at("event");
    if (events.empty() || events.back() != event) events.push_back(event);
    if (event == "step") {
      EXPECT_EQ(keys_of(line), (std::vector<std::string>{
                                   "event", "step", "epoch", "loss", "learning_rate", "grad_norm",
                                   "tokens", "tokens_per_s", "data_ms", "forward_ms", "backward_ms",
                                   "optimizer_ms", "memory_bytes"}));
      EXPECT_GT(line.at("memory_bytes"), 1 << 20);
    } else if (event == "eval") {
      EXPECT_EQ(keys_of(line),
                (std::vector<std::string>{"event", "step", "loss", "perplexity", "tokens"}));
      EXPECT_DOUBLE_EQ(line.at("perplexity"), std::exp(line.at("loss").get<double>()));
    } else if (event == "coupler") {
      EXPECT_EQ(keys_of(line), (std::vector<std::string>{"event", "step", "layer", "coupler_layer",
                                                         "adjacency", "mixing"}));
      EXPECT_EQ(line.at("mixing").size(), 2u);
      EXPECT_EQ(line.at("mixing")[0][0], 0.0) << "no expert sends to itself";
    } else {
      EXPECT_EQ(event, "layer");
    }
  }
  EXPECT_EQ(events, (std::vector<std::string>{"coupler", "layer", "step", "coupler", "layer",
                                              "eval", "step", "coupler", "layer", "eval"}));
  EXPECT_EQ(read_series(run_, "step", "step"), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(read_series(run_, "eval", "step"), (std::vector<double>{2, 4}));
  EXPECT_EQ(read_series(run_, "coupler", "step"),
            (std::vector<double>{0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4}));
  EXPECT_EQ(read_series(run_, "step", "learning_rate").front(), 5e-4) << "step 1 used rate 0";
}

TEST_F(TrainingRecordsTest, MetricsOfAnHgnn) {
  expect_success(run(flags_.with({{"coupler_type", "HGNN"}, {"num_experts", "3"}})));
  const std::vector<Json> couplers = read_events(run_, "coupler");
  ASSERT_EQ(couplers.size(), 3u);
  for (const Json& line : couplers) {
    EXPECT_EQ(keys_of(line),
              (std::vector<std::string>{"event", "step", "layer", "hyperedge_weights", "mixing"}));
  }
  EXPECT_EQ(couplers[0].at("step"), 0);
  for (const double weight : couplers[0].at("hyperedge_weights")) EXPECT_NEAR(weight, 1, 1e-6);
  // The complete graph of three experts: (3-2)/(2*2) I + 3/4 J/3.
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      EXPECT_NEAR(couplers[0].at("mixing")[i][j].get<double>(), i == j ? 0.5 : 0.25, 1e-6);
    }
  }
  EXPECT_NE(couplers[0].at("hyperedge_weights"), couplers[2].at("hyperedge_weights"));
}

TEST_F(TrainingRecordsTest, MixingIsTheMeanOfTheFirstEvaluationTokensWhateverTheBatch) {
  // Of 2 to 16 tokens each: 60 have more than 256, 4 have less.
  write_dataset(path("long"), make_documents(20, 1), make_documents(100, 2));
  const auto first_events = [&](const char* samples, const char* batch) {
    expect_success(run(flags_.with({{"dataset_name", "long"},
                                    {"no_shuffle", ""},
                                    {"max_steps", "1"},
                                    {"num_eval_samples", samples},
                                    {"batch_size", batch},
                                    {"overwrite", ""}})));
    return std::pair(read_events(run_, "coupler").at(0).at("mixing"),
                     read_events(run_, "layer").at(0));
  };
  const auto events = first_events("100", "4");
  EXPECT_EQ(first_events("100", "64"), events);
  EXPECT_EQ(first_events("60", "4"), events);
  EXPECT_NE(first_events("4", "4").first, events.first);
  EXPECT_NE(first_events("4", "4").second, events.second);
  EXPECT_NE(first_events("1", "1").first, first_events("4", "4").first);
}

TEST_F(TrainingRecordsTest, LayersOfEveryCoupler) {
  for (const std::string coupler : {"GNN", "HGNN", "MEAN", "NONE"}) {
    SCOPED_TRACE(coupler);
    expect_success(run(flags_.with({{"coupler_type", coupler},
                                    {"num_layers", "2"},
                                    {"num_experts", "3"},
                                    {"overwrite", ""}})));
    EXPECT_EQ(read_series(run_, "layer", "step"), (std::vector<double>{0, 0, 2, 2, 4, 4}));
    EXPECT_EQ(read_series(run_, "layer", "layer"), (std::vector<double>{0, 1, 0, 1, 0, 1}));
    const bool has_graph = coupler == "GNN" || coupler == "HGNN";
    for (const Json& line : read_events(run_, "layer")) {
      EXPECT_EQ(keys_of(line),
                (std::vector<std::string>{"event", "step", "layer", "expert_norms", "expert_cka",
                                          "dirichlet_before", "dirichlet_after",
                                          "second_eigenvalue", "hyperedge_weight_grad_norm"}));
      ASSERT_EQ(line.at("expert_norms").size(), 3u);
      for (std::size_t e = 0; e < 3; ++e) {
        EXPECT_GT(line.at("expert_norms")[e], 0.0);
        EXPECT_NEAR(line.at("expert_cka")[e][e].get<double>(), 1, 1e-12);
        EXPECT_LT(line.at("expert_cka")[e][(e + 1) % 3], 1.0);
      }
      for (const char* key : {"dirichlet_before", "dirichlet_after", "second_eigenvalue"}) {
        ASSERT_EQ(line.at(key).is_number(), has_graph) << key;
        EXPECT_TRUE(!has_graph || line.at(key) > 0.0) << key;
      }
      const bool has_gradient = coupler == "HGNN" && line.at("step") > 0;
      ASSERT_EQ(line.at("hyperedge_weight_grad_norm").is_number(), has_gradient) << line;
    }
  }
}

TEST_F(TrainingRecordsTest, TheSecondEigenvalueIsThatOfTheRecordedMixing) {
  // P = l I + (1 - l) J/3 with l = 1/4 at the start.
  expect_success(run(flags_.with({{"coupler_type", "HGNN"}, {"num_experts", "3"}})));
  const Json first = read_events(run_, "layer").at(0);
  EXPECT_NEAR(first.at("second_eigenvalue").get<double>(), 0.25, 1e-6);
}

// A single expert has no graph, and fixed weights have no gradient.
TEST_F(TrainingRecordsTest, WhatDoesNotExistIsNull) {
  const auto last_layer = [&](const Flags& changes) {
    expect_success(run(flags_.with(changes).with({{"overwrite", ""}})));
    return read_events(run_, "layer").back();
  };
  const Json alone = last_layer({{"num_experts", "1"}, {"coupler_type", "GNN"}});
  EXPECT_TRUE(alone.at("second_eigenvalue").is_null() && alone.at("dirichlet_after").is_null());
  EXPECT_EQ(alone.at("expert_norms").size(), 1u);
  const Json fixed = last_layer({{"coupler_type", "HGNN"}, {"no_hgnn_learnable_edge_weights", ""}});
  EXPECT_TRUE(fixed.at("hyperedge_weight_grad_norm").is_null());
  EXPECT_TRUE(fixed.at("second_eigenvalue").is_number());
}

TEST_F(TrainingRecordsTest, ConfigurationWithSourcesAndMachine) {
  data::testing::write_bytes(path("base.json"), R"({"weight_decay": 0.02})");
  expect_success(run(flags_.with({{"config", "base.json"}})));
  const Json record = read_json(run_ / "config.json");
  EXPECT_EQ(record.at("config").at("weight_decay"), 0.02);
  EXPECT_EQ(record.at("config").at("num_heads"), 2);
  EXPECT_EQ(record.at("provenance").at("weight_decay"), "file base.json");
  EXPECT_EQ(record.at("provenance").at("embed_dim"), "flag");
  EXPECT_EQ(record.at("provenance").at("learning_rate"), "default");
  EXPECT_EQ(keys_of(record.at("config")), keys_of(record.at("provenance")));
  EXPECT_EQ(record.at("data_mode"), "real");
  EXPECT_EQ(record.at("data_folder"), fs::canonical(path("text")).string());
  EXPECT_EQ(record.at("vocab_size"), kVocabSize);
  for (const char* key : {"version", "commit", "torch", "cuda", "device"}) {
    EXPECT_FALSE(record.at(key).get<std::string>().empty()) << key;
  }
}

TEST_F(TrainingRecordsTest, Summary) {
  expect_success(run(flags_));
  const Json summary = read_json(run_ / "run_summary.json");
  EXPECT_EQ(keys_of(summary), (std::vector<std::string>{"run_name",
                                                        "data_mode",
                                                        "best_eval_loss",
                                                        "best_eval_perplexity",
                                                        "final_eval_loss",
                                                        "steps",
                                                        "tokens",
                                                        "parameters",
                                                        "seconds",
                                                        "tokens_per_s",
                                                        "startup_seconds",
                                                        "needed_flops_per_s",
                                                        "mfu",
                                                        "gpu_utilisation",
                                                        "expert_path",
                                                        "coupler_path",
                                                        "coupler_kernels",
                                                        "cuda_graphs",
                                                        "peak_memory_bytes",
                                                        "status"}));
  EXPECT_TRUE(summary.at("cuda_graphs").is_null()) << "a CPU captures nothing";
  EXPECT_EQ(summary.at("status"), "done");
  EXPECT_EQ(summary.at("steps"), 4);
  EXPECT_GT(summary.at("needed_flops_per_s"), 0.0);
  // Nobody knows the peak of a CPU.
  EXPECT_TRUE(summary.at("mfu").is_null() && summary.at("gpu_utilisation").is_null());
  EXPECT_TRUE(contains(data::testing::read_bytes(run_ / "train.log"),
                       "MFU n/a: the peak of the CPU is not known"));
  EXPECT_EQ(summary.at("final_eval_loss"), read_series(run_, "eval", "loss").back());
  double tokens = 0;
  for (const double step : read_series(run_, "step", "tokens")) tokens += step;
  EXPECT_EQ(summary.at("tokens"), tokens);
  const double startup = summary.at("startup_seconds");
  EXPECT_GT(startup, 0);
  EXPECT_LT(startup, 60);
  EXPECT_TRUE(contains(data::testing::read_bytes(run_ / "train.log"),
                       fmt::format("first step after {:.2f} s", startup)));
  EXPECT_EQ(names_in(run_),
            (std::vector<std::string>{".lock", "checkpoints", "config.json", "metrics.jsonl",
                                      "run_summary.json", "tensorboard", "train.log"}));
}

TEST_F(TrainingRecordsTest, CheckpointsArePrunedButTheBestIsKept) {
  // So high a rate makes the loss rise after the first evaluation.
  expect_success(run(flags_.with({{"max_steps", "9"},
                                  {"eval_every", "1"},
                                  {"learning_rate", "3"},
                                  {"lr_schedule", "constant"},
                                  {"keep_checkpoints", "3"}})));
  const std::vector<double> losses = read_series(run_, "eval", "loss");
  const auto best = std::min_element(losses.begin(), losses.end()) - losses.begin() + 1;
  ASSERT_LT(best, 7) << "the best is one of those that are kept anyway";
  const std::string name = "step-0000000" + std::to_string(best);
  EXPECT_EQ(names_in(run_ / "checkpoints"),
            (std::vector<std::string>{"best", "latest", name, "step-00000007", "step-00000008",
                                      "step-00000009"}));
  EXPECT_EQ(checkpoint_of(run_, "best").filename(), name);
  EXPECT_EQ(checkpoint_of(run_, "latest").filename(), "step-00000009");
  EXPECT_EQ(read_json(run_ / "run_summary.json").at("best_eval_loss"), losses[best - 1]);
}

// Files to load elsewhere: names and types of PyTorch, the parameterisation, and no path or name.
TEST_F(TrainingRecordsTest, WeightsAreReadableByOthers) {
  expect_success(run(flags_.with({{"coupler_type", "HGNN"}, {"precision", "bf16"}})));
  const SafetensorsFile file(checkpoint_of(run_) / "model.safetensors", ExitCode::internal);
  const TensorEntry* weights = file.find("model_layers.0.coupler.hyperedge_weights");
  ASSERT_NE(weights, nullptr);
  EXPECT_EQ(weights->type, ScalarType::f32);
  EXPECT_EQ(weights->shape, std::vector<std::int64_t>{1});
  EXPECT_EQ(file.metadata().at("hyperedge_weight_param"), "positive");
  const std::string bytes = data::testing::read_bytes(file.path());
  EXPECT_FALSE(contains(bytes, folder().string()));
}

TEST_F(TrainingRecordsTest, SyntheticDataAreLabelledEverywhere) {
  expect_success(run(tiny_synthetic().with({{"max_steps", "1"}, {"quiet", ""}})));
  EXPECT_EQ(read_json(run_ / "config.json").at("data_mode"), "synthetic");
  EXPECT_EQ(read_json(run_ / "run_summary.json").at("data_mode"), "synthetic");
  EXPECT_TRUE(contains(data::testing::read_bytes(run_ / "train.log"), "synthetic data"));
}

TEST_F(TrainingRecordsTest, QuietSaysNothingOnTheTerminalAndAllInTheLog) {
  const ProcessResult loud = run(flags_.with({{"run_name", "loud"}}));
  expect_success(loud);
  EXPECT_TRUE(contains(loud.err, "evaluation loss")) << loud.err;
  EXPECT_TRUE(contains(loud.err, "tokens/s")) << loud.err;
  EXPECT_FALSE(contains(loud.err, "\r")) << "no progress bar where there is no terminal";

  const ProcessResult quiet = run(flags_.with({{"quiet", ""}}));
  expect_success(quiet);
  EXPECT_EQ(quiet.err, "");
  EXPECT_TRUE(contains(data::testing::read_bytes(run_ / "train.log"), "evaluation loss"));

  const ProcessResult warned = run(flags_.with(
      {{"quiet", ""}, {"run_name", "warned"}, {"coupler_type", "MEAN"}, {"gnn_layers", "3"}}));
  expect_success(warned);
  EXPECT_TRUE(contains(warned.err, "so these have no effect: gnn_layers")) << warned.err;
}

TEST_F(TrainingRecordsTest, ASampleIsOneLineOfJson) {
  const Flags sampling = flags_.with({{"sample_ids", "3,18,30"}, {"sample_tokens", "40"}});
  const ProcessResult trained = run(sampling);
  expect_success(trained);
  EXPECT_EQ(count_of(trained.out, "\n"), 1u) << trained.out;
  const Json sample = parse_json(trained.out, "standard output", ExitCode::internal);
  EXPECT_EQ(sample.at("sample_ids"), Json({3, 18, 30}));
  ASSERT_EQ(sample.at("continuation_ids").size(), 40u) << "longer than the model's window";
  for (const std::int64_t id : sample.at("continuation_ids")) {
    EXPECT_GE(id, 0);
    EXPECT_LT(id, kVocabSize);
  }
  // From the checkpoint, too, and differently for another seed.
  const Flags from_checkpoint = sampling.with({{"resume_checkpoint", "auto"}, {"eval_only", ""}});
  EXPECT_EQ(run(from_checkpoint).out, trained.out);
  EXPECT_NE(run(from_checkpoint.with({{"seed", "9"}})).out, trained.out);
  const Flags greedy = from_checkpoint.with({{"temperature", "0"}});
  EXPECT_EQ(run(greedy).out, run(greedy.with({{"seed", "9"}})).out);
}

TEST_F(TrainingRecordsTest, SampleIdsBeyondTheVocabularyAreRefusedBeforeTraining) {
  expect_failure(run(flags_.with({{"sample_ids", "3,64"}})), ExitCode::usage,
                 {"sample_ids holds 64", "0 to 63"});
  expect_failure(run(flags_.with({{"sample_ids", "3,-1"}})), ExitCode::usage, {"--sample_ids"});
  EXPECT_FALSE(fs::exists(run_));
}

}  // namespace
}  // namespace hgnn_moe::e2e
