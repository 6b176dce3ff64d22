// Couplers that couple nothing, reduced precision, and training that goes wrong.
#include <algorithm>
#include <cmath>

#include "tests/e2e/program_fixture.h"

#include "hgnn_moe/base/safetensors.h"

namespace hgnn_moe::e2e {
namespace {

class TrainingVariantsTest : public ProgramTest {
 protected:
  const Flags flags_ = tiny_synthetic().with({{"max_steps", "4"}, {"eval_every", "2"}});
  const fs::path run_ = path("runs/run");
};

TEST_F(TrainingVariantsTest, WithoutAGraphThereAreNoCouplerEvents) {
  const std::vector<Flags> variants = {
      {{"coupler_type", "MEAN"}},
      {{"coupler_type", "NONE"}},
      {{"coupler_type", "NONE"}, {"num_experts", "1"}},
      {{"coupler_type", "HGNN"}, {"num_experts", "1"}},
      {{"coupler_type", "HGNN"}, {"static_hyperedge_strategy", "all_triplets"}}};
  for (const Flags& variant : variants) {
    const Flags flags = flags_.with(variant).with({{"overwrite", ""}});
    expect_success(run(flags));
    EXPECT_EQ(read_events(run_, "step").size(), 4u);
    EXPECT_TRUE(read_events(run_, "coupler").empty());
    const ProcessResult dry_run = run(flags.with({{"dry_run", ""}}));
    const Json record = parse_json(dry_run.out, "standard output", ExitCode::internal);
    EXPECT_EQ(read_json(run_ / "run_summary.json").at("parameters"),
              record.at("parameters").at("total"));
  }
}

// The parameters of the convolution exist all the same.
TEST_F(TrainingVariantsTest, AnEmptyHypergraphComputesMeanAndSaysSoOnce) {
  data::testing::write_bytes(path("none.json"), "[]");
  const Flags empty = flags_.with({{"coupler_type", "HGNN"}, {"hyperedges_file", "none.json"}});
  const ProcessResult result = run(empty);
  expect_success(result);
  EXPECT_EQ(count_of(result.err, "M = 0"), 1u) << result.err;
  EXPECT_TRUE(contains(result.err, "MEAN")) << result.err;
  const SafetensorsFile file(checkpoint_of(run_) / "model.safetensors", ExitCode::internal);
  EXPECT_NE(file.find("model_layers.0.coupler.hgnn_layers_module.1.conv.lin.weight"), nullptr);
  EXPECT_EQ(file.find("model_layers.0.coupler.hyperedge_weights"), nullptr);

  // The same initial weights, as names and not order decide them, train the same way.
  expect_success(run(flags_.with({{"coupler_type", "MEAN"}, {"run_name", "mean"}})));
  EXPECT_EQ(read_series(run_, "step", "loss"), read_series(path("runs/mean"), "step", "loss"));
}

TEST_F(TrainingVariantsTest, AGraphThatDoesNothingIsSaid) {
  const Flags hgnn = flags_.with({{"coupler_type", "HGNN"}, {"num_experts", "3"}});
  EXPECT_TRUE(contains(run(hgnn.with({{"no_hgnn_learnable_edge_weights", ""}})).err, "no-op"));
  EXPECT_FALSE(contains(run(hgnn.with({{"overwrite", ""}})).err, "no-op"));
}

TEST_F(TrainingVariantsTest, Bfloat16TrainsCloseToFloat32) {
  for (const char* coupler : {"GNN", "HGNN"}) {
    const Flags model =
        flags_.with({{"coupler_type", coupler}, {"max_steps", "20"}, {"overwrite", ""}});
    expect_success(run(model));
    expect_success(run(model.with({{"precision", "bf16"}, {"run_name", "bf16"}})));
    const std::vector<double> full = read_series(run_, "step", "loss");
    const std::vector<double> half = read_series(path("runs/bf16"), "step", "loss");
    ASSERT_EQ(full.size(), half.size());
    EXPECT_NE(full, half) << "bf16 was not used";
    for (std::size_t i = 0; i < full.size(); ++i) EXPECT_NEAR(half[i], full[i], 0.02 * full[i]);
  }
}

TEST_F(TrainingVariantsTest, EveryScheduleStartsAndEndsWhereItShould) {
  const Flags flags = flags_.with({{"max_steps", "10"},
                                   {"warmup_steps", "3"},
                                   {"learning_rate", "0.01"},
                                   {"eval_every", "0"},
                                   {"overwrite", ""}});
  for (const char* schedule : {"cosine", "linear", "constant", "wsd"}) {
    expect_success(run(flags.with({{"lr_schedule", schedule}})));
    const std::vector<double> rates = read_series(run_, "step", "learning_rate");
    ASSERT_EQ(rates.size(), 10u);
    EXPECT_LT(rates[0], rates[1]) << schedule;
    EXPECT_LT(rates[1], rates[2]) << schedule;
    EXPECT_EQ(*std::max_element(rates.begin(), rates.end()), 0.01) << schedule;
    EXPECT_EQ(rates.back() == 0.01, std::string(schedule) == "constant") << schedule;
  }
}

TEST_F(TrainingVariantsTest, TrainingLearns) {
  expect_success(run(flags_.with({{"coupler_type", "HGNN"},
                                  {"max_steps", "150"},
                                  {"eval_every", "50"},
                                  {"learning_rate", "0.01"},
                                  {"batch_size", "16"},
                                  {"num_eval_samples", "-1"}})));
  const std::vector<double> losses = read_series(run_, "eval", "loss");
  ASSERT_EQ(losses.size(), 3u);
  EXPECT_LT(losses.back(), std::log(kVocabSize) - 1.0) << "a nat below knowing nothing";
  EXPECT_LT(losses[2], losses[0]);
}

// The first update throws the weights so far that the second loss is not finite.
TEST_F(TrainingVariantsTest, DivergenceStopsBeforeAnythingIsOverwritten) {
  const Flags diverging = flags_.with({{"learning_rate", "1e25"},
                                       {"lr_schedule", "constant"},
                                       {"grad_clip", "0"},
                                       {"eval_every", "0"},
                                       {"save_every", "1"}});
  const ProcessResult result = run(diverging);
  expect_failure(result, ExitCode::diverged, {"step 2: the loss is", "lower learning_rate"});
  EXPECT_EQ(read_json(run_ / "run_summary.json").at("status"), "diverged");
  EXPECT_NE(read_text_file(run_ / "train.log", ExitCode::internal).find("step 2: the loss is"),
            std::string::npos)
      << "the log says why";
  EXPECT_EQ(read_events(run_, "step").size(), 1u) << "no line of a step that did not happen";
  EXPECT_EQ(names_in(run_ / "checkpoints"), (std::vector<std::string>{"latest", "step-00000001"}));

  // The checkpoint before is whole: the run can be taken up from it, and goes wrong again.
  const auto before = snapshot(run_ / "checkpoints");
  expect_failure(run(diverging.with({{"resume_checkpoint", "auto"}})), ExitCode::diverged,
                 {"step 2"});
  EXPECT_TRUE(before == snapshot(run_ / "checkpoints"));
}

TEST_F(TrainingVariantsTest, AnEvaluationThatDivergesSavesNoCheckpoint) {
  const ProcessResult result =
      run(flags_.with({{"learning_rate", "1e25"}, {"grad_clip", "0"}, {"eval_every", "1"}}));
  expect_failure(result, ExitCode::diverged, {"step 1", "evaluation loss"});
  EXPECT_FALSE(fs::exists(run_ / "checkpoints"));
  EXPECT_EQ(read_json(run_ / "run_summary.json").at("status"), "diverged");
}

}  // namespace
}  // namespace hgnn_moe::e2e
