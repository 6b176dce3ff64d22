// --match_parameters of a single run.
#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

class MatchParametersTest : public ProgramTest {
 protected:
  void SetUp() override {
    data::testing::write_bytes(path("reference.json"),
                               R"({"coupler_type": "HGNN", "num_experts": 3})");
  }

  const Flags flags_ = tiny_synthetic().with({{"coupler_type", "NONE"},
                                              {"num_experts", "1"},
                                              {"max_steps", "2"},
                                              {"match_parameters", "reference.json"}});
};

TEST_F(MatchParametersTest, TheDryRunSaysAndShowsWhatIsChosen) {
  const ProcessResult result = run(flags_.with({{"dry_run", ""}}));
  expect_success(result);
  EXPECT_TRUE(contains(result.err, "match_parameters: embed_dim ")) << result.err;
  const Json record = parse_json(result.out, "standard output", ExitCode::internal);
  const ProcessResult reference = run(
      tiny_synthetic().with({{"config", "reference.json"}, {"num_experts", "3"}, {"dry_run", ""}}));
  const Json expected = parse_json(reference.out, "standard output", ExitCode::internal);
  EXPECT_NEAR(record.at("parameters").at("total").get<double>() /
                  expected.at("parameters").at("total").get<double>(),
              1.0, 0.01);
  EXPECT_TRUE(record.at("config").at("match_parameters").is_null());
}

TEST_F(MatchParametersTest, TheRunHasTheChosenSizeAndResumes) {
  expect_success(run(flags_));
  const Json config = read_json(path("runs/run/config.json"));
  EXPECT_GT(config.at("config").at("embed_dim"), 16);
  EXPECT_EQ(config.at("provenance").at("embed_dim"), "match_parameters reference.json");
  EXPECT_TRUE(contains(data::testing::read_bytes(path("runs/run/train.log")),
                       "match_parameters: embed_dim "));
  expect_success(run(flags_.with({{"max_steps", "4"}, {"resume_checkpoint", "auto"}})));
  EXPECT_EQ(read_json(path("runs/run/run_summary.json")).at("steps"), 4);
}

}  // namespace
}  // namespace hgnn_moe::e2e
