// expert_path and activation_checkpointing in whole runs.
#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

// Ten times the last place of a loss around 4 in float32.
constexpr double kRounding = 5e-6;

class ExpertPathsTest : public ProgramTest {
 protected:
  // Lines of mixed lengths, in micro-batches, with dropout.
  const Flags flags_ = tiny().with({{"dataset_name", "data"},
                                    {"coupler_type", "HGNN"},
                                    {"num_experts", "3"},
                                    {"max_steps", "40"},
                                    {"epochs", "1000"},
                                    {"dropout_rate", "0.1"},
                                    {"gradient_accumulation_steps", "2"},
                                    {"num_train_samples", "16"}});

  void SetUp() override {
    write_dataset(path("data"), make_documents(24, 1), make_documents(6, 2));
  }

  std::vector<double> losses_of(const std::string& run_name, const Flags& changes) const {
    expect_success(run(flags_.with(changes).with({{"run_name", run_name}})));
    return read_series(path("runs") / run_name, "step", "loss");
  }
};

TEST_F(ExpertPathsTest, LearningCurvesAreTheSame) {
  const auto fused = losses_of("fused", {{"expert_path", "fused"}});
  const auto reference = losses_of("reference", {{"expert_path", "reference"}});
  ASSERT_EQ(fused.size(), 40u);
  ASSERT_EQ(reference.size(), 40u);
  for (std::size_t i = 0; i < fused.size(); ++i) {
    EXPECT_NEAR(fused[i], reference[i], kRounding) << i;
  }
  EXPECT_LT(fused.back(), fused.front()) << "something was learned";
  const auto path_of = [&](const char* name) {
    return read_json(path("runs") / name / "run_summary.json").at("expert_path");
  };
  EXPECT_EQ(path_of("fused"), "fused");
  EXPECT_EQ(path_of("reference"), "reference");
}

TEST_F(ExpertPathsTest, CheckpointedLayersTrainToTheSameBits) {
  losses_of("run", {});
  fs::rename(path("runs"), path("plain"));
  losses_of("run", {{"activation_checkpointing", "layer"}});
  expect_same_run(path("plain/run"), path("runs/run"));
}

// How a model is computed may change on a resume.
TEST_F(ExpertPathsTest, AResumeMayChangeThePath) {
  const auto whole = losses_of("run", {{"save_every", "20"}, {"keep_checkpoints", "9"}});
  const Flags resumed = flags_.without("checkpoint_dir")
                            .without("run_name")
                            .with({{"resume_checkpoint", "runs/run/checkpoints/step-00000020"},
                                   {"expert_path", "reference"},
                                   {"activation_checkpointing", "layer"}});
  expect_success(run(resumed));
  const auto losses = read_series(path("runs/run"), "step", "loss");
  ASSERT_EQ(losses.size(), whole.size());
  for (std::size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], whole[i], kRounding) << i;
  EXPECT_NE(losses, whole) << "the other path rounds in another way";
  EXPECT_EQ(read_json(path("runs/run/run_summary.json")).at("expert_path"), "reference");
}

TEST_F(ExpertPathsTest, Tf32NeedsAGpu) {
  expect_failure(run(flags_.with({{"precision", "tf32"}, {"device", "cpu"}})), ExitCode::usage,
                 {"precision is tf32", "take fp32 or bf16"});
  EXPECT_FALSE(fs::exists(path("runs/run")));
}

}  // namespace
}  // namespace hgnn_moe::e2e
