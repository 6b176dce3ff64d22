// Whole runs on a GPU: they repeat to the bit, and agree with the CPU's.
#include <cmath>
#include <cstdlib>

#include "tests/e2e/interrupted_run.h"

namespace hgnn_moe::e2e {
namespace {

class TrainingGpuTest : public InterruptedRunTest {
 protected:
  // Asks the program itself, so that this test needs no CUDA: without a usable GPU it refuses the
  // device before it reads anything, and says why.
  void SetUp() override {
    const Flags probe = tiny_synthetic().with(
        {{"device", "cuda"}, {"eval_only", ""}, {"checkpoint_dir", "probe"}, {"quiet", ""}});
    const ProcessResult result = run(probe);
    if (result.exit_code == 0) return;
    const bool refused = result.exit_code == static_cast<int>(ExitCode::usage) &&
                         contains(result.err, "device is cuda, but ");
    ASSERT_TRUE(refused) << result.exit_code << ": " << result.err;
    const char* required = std::getenv("HGNN_MOE_REQUIRE_GPU");
    if (required != nullptr && std::string(required) == "1") {
      FAIL() << "HGNN_MOE_REQUIRE_GPU is 1 and there is no usable GPU: " << result.err;
    }
    GTEST_SKIP() << "no usable GPU: " << result.err;
  }

  // In runs/NAME; the device that config.json names is the one asked for.
  fs::path train(const std::string& name, const std::string& device, const Flags& flags) const {
    expect_success(run(flags.with({{"run_name", name}, {"device", device}})));
    const fs::path folder = path("runs") / name;
    const std::string used = read_json(folder / "config.json").at("device");
    EXPECT_EQ(used.rfind(device, 0), 0u) << used;
    return folder;
  }

  static void expect_close_losses(const fs::path& expected, const fs::path& found,
                                  double tolerance) {
    for (const char* event : {"step", "eval"}) {
      const std::vector<double> expected_losses = read_series(expected, event, "loss");
      const std::vector<double> found_losses = read_series(found, event, "loss");
      ASSERT_EQ(expected_losses.size(), found_losses.size());
      ASSERT_FALSE(expected_losses.empty());
      for (std::size_t i = 0; i < expected_losses.size(); ++i) {
        EXPECT_NEAR(expected_losses[i], found_losses[i], tolerance * expected_losses[i])
            << event << " " << i;
      }
    }
  }
};

Flags gnn() {
  return tiny_synthetic().with(
      {{"num_train_samples", "64"}, {"max_steps", "30"}, {"eval_every", "10"}});
}

Flags hgnn() {
  return gnn().with(
      {{"coupler_type", "HGNN"}, {"num_experts", "4"}, {"hgnn_learnable_edge_weights", ""}});
}

Flags repeatable(const Flags& flags) {
  return flags.with({{"device", "cuda"}, {"deterministic", ""}});
}

TEST_F(TrainingGpuTest, GnnKilledAtRandomMoments) {
  expect_same_after_kills(repeatable(resumable()), 3);
}

TEST_F(TrainingGpuTest, HgnnKilledAtRandomMoments) {
  expect_same_after_kills(repeatable(resumable_hgnn()), 3);
}

TEST_F(TrainingGpuTest, LossesAreThoseOfTheCpu) {
  for (const Flags& model : {gnn(), hgnn()}) {
    const Flags flags = model.with({{"dropout_rate", "0"}, {"overwrite", ""}});
    expect_close_losses(train("cpu", "cpu", flags), train("gpu", "cuda", flags), 1e-3);
  }
}

// Masks are drawn from counters, so both devices drop the same elements.
TEST_F(TrainingGpuTest, DropoutMasksAreThoseOfTheCpu) {
  for (const Flags& model : {gnn(), hgnn()}) {
    const Flags flags = model.with({{"dropout_rate", "0.1"}, {"overwrite", ""}});
    expect_close_losses(train("cpu", "cpu", flags), train("gpu", "cuda", flags), 1e-3);
  }
}

TEST_F(TrainingGpuTest, Bfloat16IsNearSinglePrecision) {
  for (const Flags& model : {gnn(), hgnn()}) {
    const Flags flags = model.with({{"dropout_rate", "0"}, {"overwrite", ""}});
    const fs::path fp32 = train("fp32", "cuda", flags);
    const fs::path bf16 = train("bf16", "cuda", flags.with({{"precision", "bf16"}}));
    expect_close_losses(fp32, bf16, 3e-2);
    EXPECT_NE(read_series(fp32, "step", "loss"), read_series(bf16, "step", "loss"));
  }
}

}  // namespace
}  // namespace hgnn_moe::e2e
