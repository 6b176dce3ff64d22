#include "hgnn_moe/sweep/condition.h"

#include <gtest/gtest.h>

#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {
namespace {

Conditions conditions(const std::string& text) {
  ErrorList errors;
  const Conditions read =
      read_conditions(parse_json(text, "test", ExitCode::internal), "FILE", errors);
  errors.throw_if_any();
  return read;
}

std::string errors_of_conditions(const std::string& text) {
  try {
    conditions(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool holds(const std::string& text, const TrainConfig& config = {}) {
  return meets(conditions(text), to_json(config));
}

TEST(Condition, AValueIsThatValue) {
  EXPECT_TRUE(holds(R"({"num_experts": 4})"));
  EXPECT_FALSE(holds(R"({"num_experts": 3})"));
  EXPECT_TRUE(holds(R"({"coupler_type": "GNN"})"));
  EXPECT_FALSE(holds(R"({"coupler_type": "HGNN"})"));
  EXPECT_FALSE(holds(R"({"shuffle": false})"));
  EXPECT_TRUE(holds(R"({"hyperedges_file": null})")) << "not given";
}

TEST(Condition, AListIsAnyOfIts) {
  EXPECT_TRUE(holds(R"({"num_experts": [2, 4]})"));
  EXPECT_FALSE(holds(R"({"num_experts": [2, 3]})"));
}

TEST(Condition, BoundsAreIncluded) {
  EXPECT_TRUE(holds(R"({"num_experts": {"min": 4}})"));
  EXPECT_FALSE(holds(R"({"num_experts": {"min": 5}})"));
  EXPECT_TRUE(holds(R"({"num_experts": {"max": 4}})"));
  EXPECT_FALSE(holds(R"({"num_experts": {"max": 3}})"));
  EXPECT_TRUE(holds(R"({"learning_rate": {"min": 1e-4, "max": 1e-3}})"));
}

TEST(Condition, SeveralMustAllHold) {
  EXPECT_TRUE(holds(R"({"num_experts": 4, "num_layers": 4})"));
  EXPECT_FALSE(holds(R"({"num_experts": 4, "num_layers": 3})"));
  EXPECT_TRUE(holds("{}"));
}

TEST(Condition, OptionsThatAreNotGivenAreTheirDefaults) {
  TrainConfig config;
  config.embed_dim = 512;
  EXPECT_TRUE(holds(R"({"num_heads": 8})", config)) << "resolved from the width";
}

TEST(Condition, IsSaidAsWords) {
  EXPECT_EQ(describe(conditions(R"({"num_experts": [2, 4], "embed_dim": {"min": 64, "max": 128},
                                    "coupler_type": "GNN"})")),
            "num_experts is 2 or 4 and embed_dim is at least 64 and at most 128 and coupler_type "
            "is GNN");
}

TEST(Condition, MistakesAreNamed) {
  EXPECT_EQ(errors_of_conditions("[]"),
            "FILE: it holds a JSON array; write an object of options and conditions");
  EXPECT_EQ(errors_of_conditions(R"({"num_expert": 2})"),
            "FILE: there is no option \"num_expert\"; did you mean num_experts?");
  EXPECT_EQ(errors_of_conditions(R"({"num_experts": "two"})"),
            "FILE.num_experts is \"two\"; give a whole number: 1 to 256");
  EXPECT_EQ(errors_of_conditions(R"({"num_experts": []})"),
            "FILE.num_experts: no value is in an empty list");
  EXPECT_EQ(errors_of_conditions(R"({"num_experts": {}})"),
            "FILE.num_experts: it is empty; give min, max or both");
  EXPECT_EQ(errors_of_conditions(R"({"num_experts": {"least": 2}})"),
            "FILE.num_experts: there is no key \"least\"; there are min, max");
  EXPECT_EQ(errors_of_conditions(R"({"num_experts": {"min": "2"}})"),
            "FILE.num_experts.min is \"2\"; give a number");
  EXPECT_EQ(errors_of_conditions(R"({"num_experts": {"min": 5, "max": 2}})"),
            "FILE.num_experts: min 5 is above max 2, so that nothing meets it; correct them");
  EXPECT_EQ(errors_of_conditions(R"({"coupler_type": {"min": 2}})"),
            "FILE.coupler_type: coupler_type is no number; give a value or a list of values");
}

}  // namespace
}  // namespace hgnn_moe
