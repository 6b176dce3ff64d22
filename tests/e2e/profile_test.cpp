// --profile: the files it leaves, and that it changes nothing else.
#include <algorithm>
#include <numeric>
#include <set>

#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

const std::vector<std::string> kSections = {"data",    "embedding",     "experts",
                                            "coupler", "head and loss", "optimizer"};

class ProfileTest : public ProgramTest {
 protected:
  Json table(const std::string& run = "run") const {
    return read_json(path("runs/" + run + "/profile/table.json"));
  }

  // How often a part of a step is in the trace.
  std::int64_t count_in_trace(const std::string& name) const {
    const Json trace = read_json(run_ / "profile/trace.json");
    const Json& events = trace.at("traceEvents");
    return std::count_if(events.begin(), events.end(), [&](const Json& event) {
      return event.at("name") == name && event.value("cat", "") == "user_annotation";
    });
  }

  static double sum_of(const Json& rows, const std::string& section = "") {
    double sum = 0.0;
    for (const Json& row : rows) {
      if (section.empty() || row.at("section") == section) sum += row.at("share").get<double>();
    }
    return sum;
  }

  const Flags flags_ = tiny_synthetic().with({{"coupler_type", "HGNN"},
                                              {"num_experts", "3"},
                                              {"coupler_path", "batched"},
                                              {"hgnn_activation", "gelu"},
                                              {"max_steps", "5"},
                                              {"eval_every", "2"},
                                              {"gradient_accumulation_steps", "2"}});
  const fs::path run_ = path("runs/run");
};

TEST_F(ProfileTest, LeavesATraceAndATableAndChangesNoNumber) {
  const ProcessResult result = run(flags_.with({{"profile", "3"}}));
  expect_success(result);
  EXPECT_EQ(names_in(run_ / "profile"),
            (std::vector<std::string>{"table.json", "table.txt", "trace.json"}));
  // Steps 2 to 4 of two micro-batches; the evaluations after 2 and 4 are not in it.
  EXPECT_EQ(count_in_trace("step"), 3);
  EXPECT_EQ(count_in_trace("embedding"), 6);
  for (const std::string& name : kSections) EXPECT_GE(count_in_trace(name), 3) << name;

  const Json record = table();
  EXPECT_EQ(record.at("steps"), 3);
  EXPECT_EQ(record.at("times"), "host");
  EXPECT_NEAR(sum_of(record.at("sections")), 100.0, 0.5);
  for (const Json& section : record.at("sections")) {
    const std::string name = section.at("section");
    EXPECT_GT(section.at("forward_ms").get<double>(), 0.0) << name;
    const bool has_gradient = name != "data" && name != "optimizer" && name != "other";
    EXPECT_EQ(section.at("backward_ms").get<double>() > 0.0, has_gradient) << name;
    if (name == "other") continue;
    EXPECT_NEAR(sum_of(record.at("kernels"), name), section.at("share").get<double>(), 0.01);
    if (name == "data") continue;
    EXPECT_GT(section.at("gb_per_s").get<double>(), 0.0) << name;
  }
  int found = 0, means = 0;
  std::multiset<std::string> of_experts, of_optimizer;
  for (const Json& kernel : record.at("kernels")) {
    if (!contains(kernel.at("name"), "hgnn_moe::")) continue;
    const bool is_whole = kernel.at("name") == "hgnn_moe::fused_experts";  // of operations below
    EXPECT_EQ(kernel.at("bytes").get<double>() > 0.0, !is_whole) << kernel;
    if (kernel.at("section") == "experts") {
      EXPECT_EQ(kernel.at("calls"), 2.0) << kernel;  // one layer, two micro-batches
      of_experts.insert(kernel.at("name"));
      continue;
    }
    if (kernel.at("section") == "embedding") {
      EXPECT_EQ(kernel.at("name"), "hgnn_moe::counter_dropout");
      continue;
    }
    if (kernel.at("section") == "optimizer") {
      of_optimizer.insert(kernel.at("name"));
      continue;
    }
    EXPECT_EQ(kernel.at("section"), "coupler");
    EXPECT_GT(kernel.at("flops").get<double>(), 0.0);
    if (kernel.at("name") == "hgnn_moe::expert_mix") {
      ++means;  // the mean over experts
      continue;
    }
    const bool backward = kernel.at("direction") == "backward";
    EXPECT_EQ(kernel.at("name"),
              backward ? "hgnn_moe::hypergraph_mix_gradient" : "hgnn_moe::hypergraph_mix");
    EXPECT_EQ(kernel.at("calls"), 4.0);  // two layers of the coupler, two micro-batches
    ++found;
  }
  EXPECT_EQ(found, 2);
  EXPECT_EQ(means, 2);  // forward and backward
  EXPECT_EQ(of_experts,
            (std::multiset<std::string>{
                "hgnn_moe::dropout_residual", "hgnn_moe::dropout_residual_gradient",
                "hgnn_moe::fused_experts", "hgnn_moe::gelu_dropout",
                "hgnn_moe::gelu_dropout_gradient", "hgnn_moe::norm", "hgnn_moe::norm_gradient",
                "hgnn_moe::packed_attention", "hgnn_moe::packed_attention_gradient",
                "hgnn_moe::residual_norm", "hgnn_moe::residual_norm_gradient",
                "hgnn_moe::scale_columns", "hgnn_moe::scale_columns"}));
  EXPECT_EQ(of_optimizer, (std::multiset<std::string>{"hgnn_moe::adamw", "hgnn_moe::joint_norm"}));

  const std::string text = data::testing::read_bytes(run_ / "profile/table.txt");
  const Json& kernels = record.at("kernels");
  const auto longest = std::find_if(kernels.begin(), kernels.end(), [](const Json& kernel) {
    return kernel.at("section") == "coupler";  // which one, the machine's other work decides
  });
  ASSERT_NE(longest, kernels.end());
  const std::string row =
      longest->at("name").get<std::string>() + " " + longest->at("direction").get<std::string>();
  EXPECT_TRUE(contains(text, "\n" + row)) << text;
  EXPECT_TRUE(contains(result.err, text)) << result.err;
  EXPECT_FALSE(contains(result.err, "ERROR")) << result.err;

  expect_success(run(flags_.with({{"run_name", "plain"}})));
  EXPECT_FALSE(fs::exists(path("runs/plain/profile")));
  expect_same_metrics(path("runs/plain"), run_);
  fs::remove_all(run_ / "profile");  // to compare all else
  Json summary = read_json(run_ / "run_summary.json");
  summary["run_name"] = "plain";
  data::testing::write_bytes(run_ / "run_summary.json", summary.dump());
  expect_same_run(path("runs/plain"), run_);
}

TEST_F(ProfileTest, EveryCouplersSharesAddUpToAll) {
  const std::vector<Flags> variants = {{{"coupler_type", "GNN"}},
                                       {{"coupler_path", "auto"}, {"hgnn_activation", "none"}},
                                       {{"hyperedge_weight_source", "token"}},
                                       {{"coupler_path", "sequential"}},
                                       {{"precision", "bf16"}},
                                       {{"coupler_type", "MEAN"}, {"dropout_rate", "0"}},
                                       {{"coupler_type", "NONE"}}};
  for (const Flags& variant : variants) {
    const Flags once = flags_.with({{"max_steps", "2"}, {"overwrite", ""}, {"profile", "1"}});
    const ProcessResult result = run(once.with(variant).with({{"quiet", ""}}));
    expect_success(result);
    EXPECT_FALSE(contains(result.err, "GFLOP/s")) << result.err;
    const Json record = table();
    EXPECT_NEAR(sum_of(record.at("sections")), 100.0, 0.5) << result.err;
    for (const Json& section : record.at("sections")) {
      EXPECT_GE(section.at("share").get<double>(), 0.0);
      if (section.at("section") == "experts" || section.at("section") == "coupler") {
        EXPECT_GT(section.at("backward_ms").get<double>(), 0.0);
      }
    }
  }
}

// What the shapes of a whole window, two experts and two steps of two micro-batches make.
TEST_F(ProfileTest, AttentionAndOutputsAreCountedOnce) {
  expect_success(run(flags_.with({{"profile", "2"}, {"sample_mode", "packed"}})));
  const Json record = table();
  const auto kernel = [&](const std::string& section, const std::string& name) -> Json {
    for (const Json& row : record.at("kernels")) {
      if (row.at("section") == section && row.at("name") == name) return row;
    }
    ADD_FAILURE() << "no " << name << " in " << record;
    return {{"flops", 0.0}, {"bytes", 0.0}};
  };
  const double windows = 2 * 4, t = 16, d = 16, experts = 3;
  const double product = windows * t * t * d * experts;
  EXPECT_DOUBLE_EQ(kernel("experts", "hgnn_moe::packed_attention").at("flops"), 2 * product);
  EXPECT_DOUBLE_EQ(kernel("experts", "hgnn_moe::packed_attention_gradient").at("flops"),
                   5 * product);
  const Json softmax = kernel("head and loss", "aten::_log_softmax");
  EXPECT_DOUBLE_EQ(softmax.at("bytes"), 2 * windows * t * 64 * 4) << "read once, written once";
}

TEST_F(ProfileTest, TooFewStepsAreSaid) {
  const ProcessResult few = run(flags_.with({{"profile", "9"}, {"max_steps", "3"}}));
  expect_success(few);
  EXPECT_TRUE(
      contains(few.err, "profile 9: steps to train are 3, of which the first warms up: 2 of them"))
      << few.err;
  EXPECT_EQ(table().at("steps"), 2);

  const ProcessResult one =
      run(flags_.with({{"profile", "9"}, {"max_steps", "1"}, {"run_name", "one"}}));
  expect_success(one);
  EXPECT_TRUE(contains(one.err, ": 0 of them profiled")) << one.err;
  EXPECT_FALSE(fs::exists(path("runs/one/profile")));

  const ProcessResult enough =
      run(flags_.with({{"profile", "1"}, {"max_steps", "2"}, {"run_name", "enough"}}));
  EXPECT_FALSE(contains(enough.err, "warms up")) << enough.err;
  EXPECT_EQ(table("enough").at("steps"), 1);
}

TEST_F(ProfileTest, AResumedRunIsProfiledAndGoesOnTheSame) {
  const Flags resumed = flags_.with({{"max_steps", "7"}, {"resume_checkpoint", "auto"}});
  const Flags twin = {{"checkpoint_dir", "twin"}};
  for (const Flags& start : {flags_, flags_.with(twin)}) expect_success(run(start));
  expect_success(run(resumed.with({{"profile", "1"}})));
  expect_success(run(resumed.with(twin)));
  EXPECT_EQ(count_in_trace("step"), 1);
  fs::remove_all(run_ / "profile");
  expect_same_run(path("twin/run"), run_);
}

TEST_F(ProfileTest, WhatCannotBeWrittenIsADiskError) {
  fs::create_directories(run_);
  data::testing::write_bytes(run_ / "profile", "in the way");
  expect_failure(run(flags_.with({{"profile", "1"}})), ExitCode::disk, {"runs/run/profile"});
  EXPECT_TRUE(read_events(run_, "step").empty());

  ProcessOptions options;
  options.file_size_limit = 400000;  // less than the trace, more than all else
  const Flags other = flags_.with({{"profile", "2"}, {"run_name", "other"}, {"quiet", ""}});
  expect_failure(run(other, options), ExitCode::disk, {"cannot write", "profile/trace.json"});
  EXPECT_TRUE(names_in(path("runs/other/profile")).empty());
  EXPECT_EQ(read_json(path("runs/other/run_summary.json")).at("status"), "failed");
}

TEST_F(ProfileTest, WithoutTrainingItHasNoEffectAndThatIsNoted) {
  const ProcessResult result = run(flags_.with({{"profile", "2"}, {"eval_only", ""}}));
  expect_success(result);
  EXPECT_EQ(count_of(result.err, "this has no effect: profile"), 1u) << result.err;
  EXPECT_FALSE(fs::exists(run_ / "profile"));
}

}  // namespace
}  // namespace hgnn_moe::e2e
