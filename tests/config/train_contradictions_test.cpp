// Options that contradict each other, and those that have no effect.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/config/parse_support.h"

#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {
namespace {

TEST(TrainContradictions, Contradictions) {
  EXPECT_EQ(errors_of({"--embed_dim", "100"}),
            "embed_dim (flag) is 100, which 8 attention heads (num_heads auto) do not divide; "
            "change embed_dim or num_heads");
  EXPECT_EQ(errors_of({"--num_heads", "3"}),
            "embed_dim (default) is 256, which 3 attention heads do not divide; change embed_dim "
            "or num_heads");
  EXPECT_EQ(errors_of({"--hyperedges_file", "e.json", "--static_hyperedge_strategy", "all"}),
            "hyperedges_file (flag) and static_hyperedge_strategy (flag) both name the "
            "hyperedges; keep one of them");
  EXPECT_EQ(errors_of({"--compat", "original", "--hyperedge_weighting", "paper"}),
            "hyperedge_weighting (flag) is paper, but compat (flag) original means pyg; drop one "
            "of them");
  EXPECT_NE(errors_of({"--compat", "original", "--hyperedge_weight_param", "positive"}), "");
  EXPECT_EQ(errors_of({"--resume_checkpoint", "auto"}),
            "resume_checkpoint (flag) is auto, which needs the run to look in; give run_name");
  EXPECT_NE(errors_of({"--resume_checkpoint", "x", "--overwrite"}), "");
  const std::string both =
      "resume_checkpoint (flag) and init_from (flag) both name the first weights; "
      "keep one of them";
  EXPECT_EQ(errors_of({"--resume_checkpoint", "x", "--init_from", "y"}), both);
  const std::vector<std::string> from{"--resume_checkpoint", "auto", "--run_name", "r",
                                      "--init_from",         "y"};
  EXPECT_EQ(errors_of(from), "");
  std::vector<std::string> evaluation = from;
  evaluation.push_back("--eval_only");
  EXPECT_EQ(errors_of(evaluation), both);
  EXPECT_EQ(errors_of({"--ablate"}),
            "ablate (flag) evaluates a trained model, but eval_only (default) is false; add "
            "eval_only");
}

TEST(TrainContradictions, OptionsOfASweepNeedOne) {
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--sweep_dry_run"},
                                                {"--sweep_jobs", "2"},
                                                {"--sweep_export", "slurm"},
                                                {"--sweep_retry_failed"}}) {
    EXPECT_EQ(errors_of(flags),
              flags[0].substr(2) + " (flag) is for sweeps; give sweep, or drop it");
    std::vector<std::string> with_sweep = flags;
    with_sweep.insert(with_sweep.end(), {"--sweep", "s.json"});
    EXPECT_EQ(errors_of(with_sweep), "");
  }
  EXPECT_EQ(errors_of({"--sweep_jobs", "1", "--sweep_export", "none", "--no_sweep_dry_run"}), "");
}

TEST(TrainContradictions, TokenLossesAreANumPyFile) {
  EXPECT_EQ(errors_of({"--dump_token_losses", "losses.npy"}), "");
  for (const char* name : {"losses.txt", "losses", "losses.npy/"}) {
    EXPECT_EQ(errors_of({"--dump_token_losses", name}),
              fmt::format("dump_token_losses (flag) is {}; it is a NumPy file, whose name ends in "
                          ".npy",
                          name));
  }
}

TEST(TrainContradictions, WhatTrainsNothingOrStartsAnewIsNotForASweep) {
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--overwrite"},
                                                {"--dry_run"},
                                                {"--eval_only"},
                                                {"--resume_checkpoint", "auto"},
                                                {"--sample_ids", "1"},
                                                {"--match_parameters", "m.json"},
                                                {"--dump_token_losses", "l.npy"}}) {
    std::vector<std::string> with_sweep = flags;
    with_sweep.insert(with_sweep.end(), {"--sweep", "s.json"});
    EXPECT_EQ(errors_of(with_sweep), flags[0].substr(2) +
                                         " (flag) is for a single run, and a sweep has many and "
                                         "resumes them by itself; drop it");
  }
  EXPECT_EQ(errors_of({"--sweep", "s.json", "--no_overwrite"}), "");
  EXPECT_EQ(errors_of({"--sweep", "s.json", "--sweep_dry_run", "--sweep_export", "commands"}),
            "sweep_dry_run (flag) writes nothing and sweep_export (flag) asks for files; keep one "
            "of them");
}

TEST(TrainContradictions, WhatIsNoContradiction) {
  EXPECT_EQ(errors_of({"--hyperedges_file", "e.json"}), "");
  EXPECT_EQ(errors_of({"--embed_dim", "100", "--num_heads", "10"}), "");
  EXPECT_EQ(errors_of({"--compat", "original", "--hyperedge_weighting", "pyg",
                       "--hyperedge_weight_param", "raw"}),
            "");
  EXPECT_EQ(errors_of({"--resume_checkpoint", "auto", "--run_name", "r"}), "");
  EXPECT_EQ(errors_of({"--resume_checkpoint", "x", "--eval_only"}), "");
  EXPECT_EQ(errors_of({"--eval_only", "--ablate"}), "");
  EXPECT_EQ(errors_of({"--resume_checkpoint", "x", "--no_overwrite"}), "");
}

TEST(TrainContradictions, AContradictionTellsWhereBothSidesWereSet) {
  const ConfigFolder folder;
  const std::string file = folder.write("base.json", R"({"static_hyperedge_strategy": "all"})");
  EXPECT_EQ(errors_of({"--config", file, "--hyperedges_file", "e.json"}),
            "hyperedges_file (flag) and static_hyperedge_strategy (file " + file +
                ") both name the hyperedges; keep one of them");
}

TEST(TrainContradictions, ARejectedValueCausesNoContradiction) {
  EXPECT_EQ(errors_of({"--embed_dim", "wide", "--num_heads", "7"}),
            "--embed_dim is \"wide\"; give a whole number: 1 to 65536");
  EXPECT_EQ(errors_of({"--embed_dim", "100", "--num_heads", "x"}),
            "--num_heads is \"x\"; give a whole number: 1 to 1024 or auto");
  EXPECT_EQ(errors_of({"--resume_checkpoint", "auto", "--run_name", ".."}).find('\n'),
            std::string::npos);
}

TEST(TrainContradictions, OptionsOfAnotherCouplerAreNotedOnce) {
  EXPECT_TRUE(parse({"--gnn_layers", "3"}).warnings.empty());
  EXPECT_TRUE(parse({"--coupler_type", "HGNN", "--hyperedge_weighting", "paper"}).warnings.empty());
  EXPECT_EQ(parse({"--hyperedge_weighting", "paper", "--hgnn_learnable_edge_weights"}).warnings,
            std::vector<std::string>{"coupler_type is GNN, so these have no effect: "
                                     "hgnn_learnable_edge_weights, hyperedge_weighting"});
  EXPECT_EQ(parse({"--coupler_type", "MEAN", "--gnn_layers", "3"}).warnings,
            std::vector<std::string>{"coupler_type is MEAN, so these have no effect: gnn_layers"});
}

TEST(TrainContradictions, ChunksAreOfTheBatchedPathAndNotTiny) {
  EXPECT_TRUE(parse({"--coupler_chunk", "64"}).warnings.empty());
  EXPECT_TRUE(parse({"--coupler_type", "HGNN", "--coupler_chunk", "64", "--hgnn_residual"})
                  .warnings.empty());
  EXPECT_EQ(parse({"--coupler_type", "HGNN", "--coupler_chunk", "64"}).warnings,
            std::vector<std::string>{
                "coupler_chunk has no effect: couplers are computed on the collapsed path"});
  EXPECT_EQ(parse({"--coupler_path", "sequential", "--coupler_chunk", "64"}).warnings,
            std::vector<std::string>{
                "coupler_chunk has no effect: couplers are computed on the sequential path"});
  EXPECT_EQ(
      parse({"--coupler_type", "MEAN", "--coupler_chunk", "64"}).warnings,
      std::vector<std::string>{"coupler_type is MEAN, so these have no effect: coupler_chunk"});
  EXPECT_EQ(errors_of({"--coupler_chunk", "31"}),
            "coupler_chunk (flag) is 31; it can be 0, for all tokens at once, or at least 32");
}

TEST(TrainContradictions, AProfileOfNoTrainingIsNotedOnce) {
  EXPECT_TRUE(parse({"--profile", "3"}).warnings.empty());
  EXPECT_TRUE(parse({"--profile", "0", "--eval_only"}).warnings.empty());
  EXPECT_EQ(parse({"--profile", "3", "--eval_only"}).warnings,
            std::vector<std::string>{"eval_only trains nothing, so this has no effect: profile"});
  EXPECT_EQ(parse({"--profile", "3", "--dry_run", "--eval_only"}).warnings,
            std::vector<std::string>{"dry_run trains nothing, so this has no effect: profile"});
}

}  // namespace
}  // namespace hgnn_moe
