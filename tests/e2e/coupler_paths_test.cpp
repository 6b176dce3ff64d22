// coupler_path and verify_coupler in whole runs.
#include <cmath>

#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

class CouplerPathsTest : public ProgramTest {
 protected:
  const Flags flags_ = tiny_synthetic().with({{"coupler_type", "HGNN"}, {"gnn_layers", "2"}});

  // The paths differ by rounding alone, which 100 steps must not blow up.
  // `flags` have run on the sequential path as "reference".
  void expect_same_curves(const Flags& flags, const std::string& path_name) const {
    expect_success(run(flags.with({{"coupler_path", path_name}, {"run_name", "other"}})));
    const auto expected = read_series(path("runs/reference"), "step", "loss");
    const auto found = read_series(path("runs/other"), "step", "loss");
    ASSERT_EQ(expected.size(), 100u);
    ASSERT_EQ(found.size(), 100u);
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-4) << i;
    const auto expected_events = read_events(path("runs/reference"), "coupler");
    const auto found_events = read_events(path("runs/other"), "coupler");
    ASSERT_EQ(expected_events.size(), 101u) << "weights of every step";
    ASSERT_EQ(found_events.size(), expected_events.size());
    for (std::size_t i = 0; i < found_events.size(); ++i) {
      const Json& weights = expected_events[i].at("hyperedge_weights");
      for (std::size_t m = 0; m < weights.size(); ++m) {
        EXPECT_NEAR(found_events[i].at("hyperedge_weights")[m].get<double>(),
                    weights[m].get<double>(), 1e-4);
      }
    }
  }
};

TEST_F(CouplerPathsTest, LearningCurvesAreTheSame) {
  for (const char* experts : {"3", "4", "8"}) {
    for (const char* strategy : {"all_pairs", "all_triplets"}) {
      const Flags flags = flags_.with({{"num_experts", experts},
                                       {"static_hyperedge_strategy", strategy},
                                       {"batch_size", "2"},
                                       {"max_seq_length", "6"},
                                       {"max_steps", "100"},
                                       {"epochs", "1000"},
                                       {"dropout_rate", "0"},
                                       {"eval_every", "1"},  // which records the weights
                                       {"keep_checkpoints", "1"},
                                       {"num_eval_samples", "2"},
                                       {"overwrite", ""}});
      expect_success(run(flags.with({{"coupler_path", "sequential"}, {"run_name", "reference"}})));
      for (const char* path_name : {"collapsed", "batched"}) {
        SCOPED_TRACE(std::string(experts) + " experts, " + strategy + ", " + path_name);
        expect_same_curves(flags, path_name);
      }
    }
  }
}

TEST_F(CouplerPathsTest, TheSummaryNamesThePathTaken) {
  const Flags short_run = flags_.with({{"max_steps", "1"}, {"num_experts", "3"}});
  const auto taken = [&](const Flags& changes) {
    expect_success(run(short_run.with(changes).with({{"overwrite", ""}})));
    return read_json(path("runs/run/run_summary.json")).at("coupler_path").get<std::string>();
  };
  EXPECT_EQ(taken({{"coupler_path", "auto"}}), "collapsed");
  EXPECT_EQ(taken({{"hgnn_residual", ""}}), "batched");
  EXPECT_EQ(taken({{"coupler_path", "sequential"}}), "sequential");
  EXPECT_EQ(taken({{"coupler_type", "GNN"}}), "batched");
  EXPECT_EQ(read_json(path("runs/run/run_summary.json")).at("coupler_kernels"), "own");
}

TEST_F(CouplerPathsTest, WeightsPerTokenTrainAndAreRecordedAsMeans) {
  const Flags flags = flags_.with({{"hyperedge_weight_source", "token"},
                                   {"num_experts", "4"},
                                   {"max_steps", "6"},
                                   {"verify_coupler", ""}});
  expect_success(run(flags));
  const auto events = read_events(path("runs/run"), "coupler");
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.front().at("hyperedge_weights").size(), 6u);
  EXPECT_EQ(events.front().at("mixing").size(), 4u);
  EXPECT_NEAR(events.front().at("hyperedge_weights")[0].get<double>(), 1.0, 1e-6) << "at the start";
  EXPECT_NE(events.back().at("hyperedge_weights"), events.front().at("hyperedge_weights"));
  // Shared weights are another model.
  expect_failure(
      run(flags.with({{"hyperedge_weight_source", "shared"}, {"resume_checkpoint", "auto"}})),
      ExitCode::usage, {"hyperedge_weight_source: token in the checkpoint, shared now"});
  const Flags other = flags.with({{"run_name", "other"}});
  expect_failure(run(other.with({{"no_hgnn_learnable_edge_weights", ""}})), ExitCode::usage,
                 {"hyperedge_weight_source (flag)", "hgnn_learnable_edge_weights (flag)"});
  expect_failure(run(other.with({{"compat", "original"}})), ExitCode::usage, {"compat (flag)"});
}

TEST_F(CouplerPathsTest, VerificationSaysWhatItComparedAndChangesNothing) {
  const Flags short_run = flags_.with({{"max_steps", "3"}, {"num_experts", "4"}});
  expect_success(run(short_run.with({{"checkpoint_dir", "plain"}})));
  for (const char* type : {"HGNN", "GNN"}) {
    const ProcessResult result =
        run(short_run.with({{"verify_coupler", ""}, {"coupler_type", type}, {"overwrite", ""}}));
    expect_success(result);
    EXPECT_TRUE(contains(result.err, "agrees with sequential")) << result.err;
    if (std::string(type) == "HGNN") expect_same_run(path("plain/run"), path("runs/run"));
  }
}

// One operation is replaced by one that is wrong; only the batched path calls it.
TEST_F(CouplerPathsTest, AWrongOperationIsFoundBeforeAnythingIsTouched) {
  const Flags gnn = flags_.with(
      {{"coupler_type", "GNN"}, {"num_experts", "4"}, {"max_steps", "3"}, {"verify_coupler", ""}});
  ProcessOptions faulty;
  faulty.environment["LD_PRELOAD"] = HGNN_MOE_FAULTY_GNN_MESSAGE;
  expect_failure(run(gnn, faulty), ExitCode::self_check,
                 {"verify_coupler", "coupler_path batched", "does not compute what"});
  EXPECT_FALSE(fs::exists(path("runs/run")));
  expect_success(run(gnn.with({{"coupler_path", "sequential"}}), faulty));
  // A resume is checked with the weights it resumes with.
  expect_failure(run(gnn.with({{"resume_checkpoint", "auto"}, {"max_steps", "4"}}), faulty),
                 ExitCode::self_check, {"verify_coupler"});
  EXPECT_EQ(read_json(path("runs/run/run_summary.json")).at("steps"), 3);
}

TEST_F(CouplerPathsTest, WithoutCouplerLayersThereIsNothingToChoose) {
  const Flags short_run = flags_.with({{"max_steps", "1"},
                                       {"coupler_path", "collapsed"},
                                       {"verify_coupler", ""},
                                       {"overwrite", ""}});
  for (const char* type : {"MEAN", "NONE"}) {
    const ProcessResult result = run(short_run.with({{"coupler_type", type}}));
    expect_success(result);
    EXPECT_TRUE(contains(result.err, "have no effect")) << result.err;
    const Json summary = read_json(path("runs/run/run_summary.json"));
    EXPECT_TRUE(summary.at("coupler_path").is_null());
    EXPECT_EQ(summary.at("coupler_kernels").is_null(), std::string(type) == "NONE");
  }
}

// The tensors of these models are the same; what they compute is not.
TEST_F(CouplerPathsTest, WeightsOfAnotherModelAreRefused) {
  const Flags trained =
      flags_.with({{"max_steps", "2"}, {"num_experts", "5"}, {"hgnn_residual", ""}});
  expect_success(run(trained));
  const Flags start = trained.with({{"init_from", "runs/run/checkpoints/best"}, {"run_name", "b"}});
  expect_failure(run(start.without("hgnn_residual")
                         .with({{"hyperedge_weighting", "paper"},
                                {"static_hyperedge_strategy", "all_triplets"},
                                {"num_heads", "1"}})),
                 ExitCode::checkpoint,
                 {"hgnn_residual: true in the file, false in force; pass --hgnn_residual",
                  "hyperedge_weighting: pyg in the file", "hyperedges_hash", "num_heads"});
  EXPECT_FALSE(fs::exists(path("runs/b")));
  expect_success(run(start));
}

TEST_F(CouplerPathsTest, TheInstructionSetCanBeForced) {
  const Flags short_run = flags_.with({{"max_steps", "3"}, {"num_experts", "4"}});
  ProcessOptions options;
  options.environment["HGNN_MOE_CPU"] = "mmx";
  expect_failure(run(short_run, options), ExitCode::usage, {"HGNN_MOE_CPU is mmx", "baseline"});
  EXPECT_FALSE(fs::exists(path("runs/run"))) << "said before the run folder is made";
  options.environment["HGNN_MOE_CPU"] = "baseline";
  expect_success(run(short_run.with({{"verify_coupler", ""}}), options));
  EXPECT_EQ(read_json(path("runs/run/config.json")).at("cpu_isa"), "baseline");
}

TEST_F(CouplerPathsTest, CollapsedIsRefusedWhereTheCouplerIsNotLinear) {
  const Flags collapsed = flags_.with({{"coupler_path", "collapsed"}});
  expect_failure(run(collapsed.with({{"hgnn_activation", "gelu"}})), ExitCode::usage,
                 {"coupler_path (flag)", "hgnn_activation (flag)", "take auto"});
  expect_failure(run(collapsed.with({{"hgnn_residual", ""}, {"hgnn_activation", "gelu"}})),
                 ExitCode::usage,
                 {"hgnn_activation (flag) and hgnn_residual (flag) say otherwise"});
  expect_failure(run(collapsed.with({{"coupler_type", "GNN"}})), ExitCode::usage,
                 {"coupler_type (flag)"});
}

}  // namespace
}  // namespace hgnn_moe::e2e
