// Parts of a sweep file that no row meets: mistakes, and what may be meant.
#include "tests/sweep/sweep_support.h"

namespace hgnn_moe {
namespace {

class UnmatchedPartsTest : public SweepFileTest {
 protected:
  // What is wrong, and what is warned of where nothing is.
  std::string errors(const std::string& parts) {
    return with_places(message_of_error(ExitCode::usage, [&] { plan(parts); }));
  }
  std::string warnings(const std::string& parts, std::vector<std::string> flags = {}) {
    return with_places(join(plan(parts, std::move(flags)).warnings, "\n"));
  }
};

constexpr const char* kGrid = R"("grid": {"num_experts": [2, 3]}, )";

TEST_F(UnmatchedPartsTest, WhatHasItsRowsIsFine) {
  EXPECT_EQ(warnings(R"("groups": [
      {"name": "a", "grid": {"num_experts": [2, 3]}},
      {"name": "b", "points": [{"name": "one", "coupler_type": "NONE", "num_experts": 1}]}],
      "constraints": [{"if": {"num_experts": 3}, "then": {"coupler_type": "GNN"}}],
      "questions": [
        {"title": "1", "factor": "num_experts", "where": {"group": "a", "num_experts": [2, 3]},
         "baseline": {"num_experts": 2}},
        {"title": "2", "factor": ["group", "name"], "baseline": {"name": "one"}}],
      "expected": [{"where": {"name": "one"}, "eval_loss": 1, "source": "x"},
                   {"eval_loss": 2, "source": "x"}])"),
            "");
}

TEST_F(UnmatchedPartsTest, RowsThatThereAreNotAreMistakesToldAtOnce) {
  EXPECT_EQ(
      errors(std::string(kGrid) + R"(
      "questions": [
        {"title": "1", "factor": "num_experts", "where": {"num_experts": [7, 8]}},
        {"title": "2", "factor": "num_experts", "baseline": {"num_experts": 7}},
        {"title": "3", "factor": "num_experts", "where": {"group": "zzz"}}],
      "expected": [{"where": {"num_experts": 9}, "eval_loss": 3, "source": "s"},
                   {"where": {"name": ["x"]}, "eval_loss": 3, "source": "s"}])"),
      "FILE: questions[0].where: no row has {\"num_experts\":[7,8]}; correct it, or drop it\n"
      "FILE: questions[1].baseline: none of the 2 rows that the question is about has "
      "{\"num_experts\":7}; correct it, or drop it\n"
      "FILE: questions[2].where.group: no group has the name \"zzz\"; correct it, or drop it\n"
      "FILE: expected[0].where: no row has {\"num_experts\":9}; correct it, or drop it\n"
      "FILE: expected[1].where.name: no point has the name \"x\"; correct it, or drop it");
}

TEST_F(UnmatchedPartsTest, ANearNameIsProposed) {
  EXPECT_TRUE(contains(errors(R"("groups": [{"name": "small"}, {"name": "large",
      "base": {"num_layers": 2}}], "questions": [
      {"title": "?", "factor": "group", "baseline": {"group": "smal"}}])"),
                       "questions[0].baseline.group: no group has the name \"smal\"; did you mean "
                       "small?"));
}

TEST_F(UnmatchedPartsTest, MistakesOfMatchTimeAreToldWithThem) {
  const std::string text = errors(R"("match_time": {"num_experts": 5},
      "expected": [{"where": {"num_experts": 9}, "eval_loss": 3, "source": "s"}])");
  EXPECT_TRUE(contains(text, "match_time: no row of the sweep")) << text;
  EXPECT_TRUE(contains(text, "expected[0].where: no row has")) << text;
}

TEST_F(UnmatchedPartsTest, AConstraintThatNeverAppliesMayBeMeant) {
  EXPECT_EQ(warnings(std::string(kGrid) + R"(
      "constraints": [{"if": {"coupler_type": "HGNN"}, "then": {"num_experts": 3}},
                      {"if": {"num_experts": 3}, "then": {"num_layers": 1}}])"),
            "FILE: constraints[0]: nothing meets its \"if\" (coupler_type is HGNN), so it leaves "
            "nothing out");
  // One outside of groups applies where it does in any of them.
  EXPECT_EQ(warnings(R"("groups": [{"name": "a"}, {"name": "b", "base": {"coupler_type": "HGNN"},
      "constraints": [{"if": {"num_experts": 9}, "then": {"num_layers": 1}}]}],
      "constraints": [{"if": {"coupler_type": "HGNN"}, "then": {"num_experts": 2}}])"),
            "FILE: groups[1].constraints[0]: nothing meets its \"if\" (num_experts is 9), so it "
            "leaves nothing out");
}

TEST_F(UnmatchedPartsTest, AFactorWithoutASecondValueMayBeMeant) {
  EXPECT_EQ(
      warnings(std::string(kGrid) + R"(
      "questions": [{"title": "?", "factor": "coupler_type"}])"),
      "FILE: questions[0].factor: coupler_type does not vary among the rows that the question "
      "is about (2), so there is nothing to compare");
  EXPECT_EQ(warnings(std::string(kGrid) + R"(
      "questions": [{"title": "?", "factor": ["coupler_type", "num_experts"]}])"),
            "")
      << "one of them does";
}

TEST_F(UnmatchedPartsTest, AListMayHoldValuesOfALargerSweep) {
  EXPECT_EQ(warnings(std::string(kGrid) + R"(
      "questions": [{"title": "?", "factor": "num_experts", "where": {"num_experts": [2, 3, 4]}}])"),
            "FILE: questions[0].where.num_experts: no row has 4");
}

TEST_F(UnmatchedPartsTest, WhatConstraintsLeaveOutMayBeMeant) {
  EXPECT_EQ(warnings(R"("grid": {"num_experts": [2, 3, 4]},
      "constraints": [{"if": {"num_experts": 4}, "then": {"num_layers": 9}}],
      "questions": [
        {"title": "1", "factor": "num_experts", "where": {"num_experts": 4}},
        {"title": "2", "factor": "num_experts", "baseline": {"num_experts": 4}},
        {"title": "3", "factor": "num_experts", "where": {"num_experts": [2, 3, 4]}}])"),
            "FILE: questions[0].where: no row has {\"num_experts\":4}: constraints leave them out\n"
            "FILE: questions[1].baseline: none of the 2 rows that the question is about has "
            "{\"num_experts\":4}: constraints leave them out");
}

TEST_F(UnmatchedPartsTest, WhatAFlagChangesMayBeMeant) {
  const std::string parts = std::string(kGrid) + R"(
      "expected": [{"where": {"num_layers": 1}, "eval_loss": 1, "source": "x"}])";
  EXPECT_EQ(warnings(parts), "");
  EXPECT_EQ(warnings(parts, {"--num_layers", "2"}),
            "FILE: expected[0].where: no row has {\"num_layers\":1}, because of the flags");
}

TEST_F(UnmatchedPartsTest, AGroupWhoseRunsStandElsewhereMayBeMeant) {
  EXPECT_EQ(warnings(R"("groups": [{"name": "a"}, {"name": "b"}, {"name": "c",
      "base": {"num_layers": 2}}],
      "expected": [{"where": {"group": "b"}, "eval_loss": 1, "source": "x"}])"),
            "FILE: expected[0].where: no row has {\"group\":\"b\"}; an equal run of another place "
            "may stand for them");
}

// What is chosen later may be anything.
TEST_F(UnmatchedPartsTest, LengthsAndSizesThatAreNotKnownAreNoMistakes) {
  EXPECT_EQ(warnings(R"("groups": [{"name": "reference", "base": {"num_experts": 4}},
      {"name": "as long", "match_time": {"num_experts": 4}}],
      "expected": [{"where": {"group": "as long", "max_steps": {"min": 7}}, "eval_loss": 1,
                    "source": "x"}])"),
            "");
  const std::string path = write(R"({"base": {"embed_dim": 16, "num_heads": 2},
      "groups": [{"name": "matched", "match_parameters": {"num_experts": 5}}],
      "expected": [{"where": {"embed_dim": 24}, "eval_loss": 1, "source": "x"}]})");
  Forecaster forecaster;
  EXPECT_NO_THROW(make_sweep_plan(read_sweep_file(path),
                                  parse({"--sweep", path, "--data_dir", "nowhere"}), forecaster));
}

}  // namespace
}  // namespace hgnn_moe
