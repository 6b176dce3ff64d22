// The program with --ablate: what it writes, and what it leaves alone.
#include <cmath>

#include "tests/e2e/program_fixture.h"

#include "hgnn_moe/base/npy.h"

namespace hgnn_moe::e2e {
namespace {

class AblationTest : public ProgramTest {
 protected:
  Flags trained(const Flags& model) const {
    const Flags flags =
        tiny_synthetic().with({{"max_steps", "6"}, {"eval_every", "3"}}).with(model);
    expect_success(run(flags));
    return flags.with({{"eval_only", ""}, {"ablate", ""}});
  }

  Json report(const std::string& run = "run") const {
    return read_json(path("runs/" + run + "/ablation/ablation.json"));
  }

  static std::vector<std::string> names_of(const Json& report) {
    std::vector<std::string> names;
    for (const Json& row : report.at("rows")) names.push_back(row.at("name"));
    return names;
  }

  // The mean over the targets of a dump, and their number.
  static std::pair<double, std::int64_t> mean_of(const fs::path& file) {
    const MappedFile mapped(file, ExitCode::internal);
    const NpyArray array = read_npy_header(mapped, ExitCode::internal);
    EXPECT_EQ(array.type, NpyType::f4);
    const auto* values = reinterpret_cast<const float*>(mapped.bytes().data + array.data_offset);
    double sum = 0;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < array.count; ++i) {
      if (std::isnan(values[i])) continue;
      sum += values[i];
      ++count;
    }
    return {sum / static_cast<double>(count), count};
  }

  const fs::path run_ = path("runs/run");
};

TEST_F(AblationTest, ARowForEveryPartWithTheLossOfEveryTarget) {
  const Flags flags = trained({{"coupler_type", "HGNN"}, {"num_experts", "3"}})
                          .with({{"resume_checkpoint", "auto"}});
  const auto checkpoints = snapshot(run_ / "checkpoints");
  const std::string metrics = data::testing::read_bytes(run_ / "metrics.jsonl");
  fs::create_directories(run_ / "ablation");
  data::testing::write_bytes(run_ / "ablation/expert-9.npy", "of an earlier model");
  const ProcessResult result = run(flags);
  expect_success(result);
  EXPECT_TRUE(contains(result.err, "without expert 1 of every layer")) << result.err;
  EXPECT_TRUE(checkpoints == snapshot(run_ / "checkpoints"));
  EXPECT_EQ(metrics, data::testing::read_bytes(run_ / "metrics.jsonl"));

  const Json found = report();
  EXPECT_EQ(found.at("checkpoint"), "checkpoints/step-00000006");
  EXPECT_EQ(found.at("step"), 6);
  EXPECT_EQ(names_of(found),
            (std::vector<std::string>{"nothing", "coupler", "expert-0", "expert-1", "expert-2",
                                      "hyperedge-0", "hyperedge-1", "hyperedge-2"}));
  const double whole = read_json(run_ / "evaluation.json").at("final_eval_loss");
  EXPECT_EQ(found.at("rows")[0].at("loss"), whole);
  EXPECT_EQ(whole, read_series(run_, "eval", "loss").back());
  for (const Json& row : found.at("rows")) {
    const double loss = row.at("loss");
    EXPECT_EQ(row.at("file"), row.at("name").get<std::string>() + ".npy");
    const auto [mean, targets] = mean_of(run_ / "ablation" / row.at("file").get<std::string>());
    EXPECT_NEAR(mean, loss, 1e-6);
    EXPECT_EQ(row.at("tokens"), targets);
    EXPECT_DOUBLE_EQ(row.at("perplexity"), std::exp(loss));
    EXPECT_EQ(loss == whole, row.at("name") == "nothing") << row.at("name");
  }
  EXPECT_EQ(names_in(run_ / "ablation").size(), found.at("rows").size() + 1);
}

TEST_F(AblationTest, WeightsOfAnotherRun) {
  const Flags flags =
      trained({{"coupler_type", "MEAN"}, {"num_experts", "2"}}).with({{"run_name", "other"}});
  expect_success(run(flags.with({{"init_from", "runs/run/checkpoints/best"}})));
  const Json found = report("other");
  EXPECT_EQ(found.at("checkpoint"), "runs/run/checkpoints/best");
  EXPECT_EQ(found.at("step").get<std::int64_t>(),
            std::stoll(checkpoint_of(run_, "best").filename().string().substr(5)));
  EXPECT_EQ(names_of(found), (std::vector<std::string>{"nothing", "expert-0", "expert-1"}));

  expect_success(run(flags.with({{"overwrite", ""}})));
  EXPECT_TRUE(report("other").at("checkpoint").is_null());
  EXPECT_TRUE(report("other").at("step").is_null());
}

TEST_F(AblationTest, ContradictionsAreRefusedBeforeAnythingIsWritten) {
  const Flags flags = tiny_synthetic().with({{"ablate", ""}});
  expect_failure(run(flags), ExitCode::usage, {"ablate (flag)", "eval_only (default)"});
  const Flags single = flags.with({{"eval_only", ""}, {"num_experts", "1"}});
  for (const char* coupler : {"NONE", "MEAN", "HGNN"}) {
    expect_failure(run(single.with({{"coupler_type", coupler}})), ExitCode::usage,
                   {"ablate has nothing to remove", "num_experts is 1", coupler});
  }
  EXPECT_FALSE(fs::exists(path("runs")));
}

}  // namespace
}  // namespace hgnn_moe::e2e
