#include "hgnn_moe/train/match_parameters.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/config/parse_support.h"

#include "hgnn_moe/model/model_config.h"

namespace hgnn_moe {
namespace {

TrainConfig model_of(CouplerType coupler, std::int64_t experts, std::int64_t dim,
                     std::int64_t layers) {
  TrainConfig config;
  config.coupler_type = coupler;
  config.num_experts = experts;
  config.embed_dim = dim;
  config.num_layers = layers;
  return config;
}

std::int64_t count(const TrainConfig& config, std::int64_t vocab_size) {
  return count_parameters(make_model_config(config, vocab_size)).total();
}

TEST(MatchParameters, TheWidthIsTriedFirst) {
  const TrainConfig reference = model_of(CouplerType::hgnn, 4, 384, 4);
  const TrainConfig run = model_of(CouplerType::none, 1, 384, 4);
  const ParameterMatch match = match_parameters(run, reference, 50257);
  EXPECT_EQ(match.num_layers, 4);
  EXPECT_EQ(match.embed_dim % 8, 0);
  EXPECT_EQ(match.reference, count(reference, 50257));
  TrainConfig chosen = run;
  chosen.embed_dim = match.embed_dim;
  EXPECT_EQ(match.parameters, count(chosen, 50257));
  EXPECT_LT(std::abs(match.difference()), 0.01);
  // No other width is nearer.
  for (const std::int64_t other : {match.embed_dim - 8, match.embed_dim + 8}) {
    chosen.embed_dim = other;
    EXPECT_GT(std::abs(count(chosen, 50257) - match.reference),
              std::abs(match.parameters - match.reference));
  }
}

TEST(MatchParameters, TheNearestMayBeAboveOrBelow) {
  const TrainConfig run = model_of(CouplerType::none, 1, 384, 4);
  int above = 0, below = 0;
  for (std::int64_t experts = 2; experts <= 9; ++experts) {
    const TrainConfig reference = model_of(CouplerType::hgnn, experts, 384, 4);
    const ParameterMatch match = match_parameters(run, reference, 50257);
    above += match.parameters > match.reference;
    below += match.parameters < match.reference;
    TrainConfig other = run;
    for (const std::int64_t step : {-8, 8}) {
      other.embed_dim = match.embed_dim + step;
      EXPECT_GE(std::abs(count(other, 50257) - match.reference),
                std::abs(match.parameters - match.reference))
          << experts << " experts";
    }
  }
  EXPECT_GT(above, 0);
  EXPECT_GT(below, 0);
}

// Between 96 and 120, multiples of 8 and of 3, there is nothing near enough.
TEST(MatchParameters, AWidthThatNoVectorWantsIsBetterThanNone) {
  TrainConfig run = model_of(CouplerType::none, 1, 48, 2), reference = run;
  run.num_heads = reference.num_heads = 3;
  reference.embed_dim = 99;
  const ParameterMatch match = match_parameters(run, reference, 10);
  EXPECT_EQ(match.embed_dim, 99);
  EXPECT_EQ(match.num_layers, 2);
}

TEST(MatchParameters, TheSameModelIsItsOwnMatch) {
  const TrainConfig run = model_of(CouplerType::gnn, 4, 96, 3);
  const ParameterMatch match = match_parameters(run, run, 500);
  EXPECT_EQ(match.embed_dim, 96);
  EXPECT_EQ(match.num_layers, 3);
  EXPECT_EQ(match.difference(), 0.0);
}

TEST(MatchParameters, HeadsThatAreGivenDivideTheWidth) {
  TrainConfig run = model_of(CouplerType::none, 1, 384, 4);
  run.num_heads = 12;
  const ParameterMatch match = match_parameters(run, model_of(CouplerType::hgnn, 8, 384, 4), 50257);
  EXPECT_EQ(match.embed_dim % 24, 0) << "of 8 and of 12";
}

// Few parameters but those of the layers, and a width in large steps.
TEST(MatchParameters, ThenTheDepth) {
  TrainConfig run = model_of(CouplerType::none, 1, 256, 2);
  run.num_heads = 256;
  TrainConfig reference = run;
  reference.num_layers = 40;
  const ParameterMatch match = match_parameters(run, reference, 10);
  EXPECT_EQ(match.embed_dim, 256);
  EXPECT_EQ(match.num_layers, 40);
}

TEST(MatchParameters, ThenBoth) {
  // The width of 64 heads goes in steps of 64, and the depth of a wide model in coarse ones, too.
  TrainConfig run = model_of(CouplerType::none, 1, 512, 2);
  run.num_heads = 64;
  const TrainConfig reference = model_of(CouplerType::none, 1, 392, 8);
  const ParameterMatch match = match_parameters(run, reference, 10);
  EXPECT_EQ(match.embed_dim, 640);
  EXPECT_EQ(match.num_layers, 3) << "as near to 2 as it can be";
  EXPECT_LT(std::abs(match.difference()), 0.01);
}

TEST(MatchParameters, FewerLayersAreAsNearAsMore) {
  TrainConfig run = model_of(CouplerType::none, 1, 512, 4);
  run.num_heads = 64;
  const ParameterMatch match = match_parameters(run, model_of(CouplerType::none, 1, 640, 3), 10);
  EXPECT_EQ(match.embed_dim, 640);
  EXPECT_EQ(match.num_layers, 3) << "5 are as near to 4, and no width is near with them";
  EXPECT_EQ(match.difference(), 0.0);
}

TEST(MatchParameters, WhatCannotBeMatchedIsSaid) {
  TrainConfig run = model_of(CouplerType::none, 1, 1000, 1);
  run.num_heads = 1000;
  const std::string message = message_of_error(
      ExitCode::usage, [&] { match_parameters(run, model_of(CouplerType::none, 1, 16, 1), 10); });
  EXPECT_TRUE(contains(message,
                       "match_parameters: no embed_dim and num_layers give the "
                       "reference's "))
      << message;
  EXPECT_TRUE(contains(message, "the nearest embed_dim is 1000")) << message;
}

TEST(MatchParameters, IsSaidAsASentence) {
  TrainConfig run = model_of(CouplerType::none, 1, 128, 2);
  ParameterMatch match{208, 2, 1005, 1000};
  EXPECT_EQ(describe(match, run),
            "match_parameters: embed_dim 208 in place of 128 and num_layers 2 as it was give 1005 "
            "parameters, +0.50 % of the reference's 1000");
}

class MatchedFileTest : public testing::Test {
 protected:
  ParsedConfig matched(const std::string& reference, std::vector<std::string> flags) {
    put_file(folder_ / "reference.json", reference);
    flags.insert(flags.end(), {"--match_parameters", (folder_ / "reference.json").string(),
                               "--vocab_size", "4096"});
    return with_matched_parameters(parse(flags));
  }

  const TemporaryFolder folder_;
};

TEST_F(MatchedFileTest, TheReferenceIsTheRunWithTheFileOverIt) {
  const ParsedConfig found = matched(
      R"({"coupler_type": "HGNN", "num_experts": 4})",
      {"--coupler_type", "NONE", "--num_experts", "1", "--embed_dim", "128", "--num_layers", "2"});
  const std::int64_t reference = count(model_of(CouplerType::hgnn, 4, 128, 2), 4096);
  EXPECT_NEAR(static_cast<double>(count(found.config, 4096)) / static_cast<double>(reference), 1.0,
              0.01);
  EXPECT_EQ(found.config.match_parameters, "") << "a dumped configuration is not matched again";
  EXPECT_EQ(found.config.num_heads, resolved_num_heads([&] {
              TrainConfig config = found.config;
              config.num_heads = 0;
              return config;
            }()))
      << "auto heads follow the width";
  ASSERT_FALSE(found.notes.empty());
  EXPECT_EQ(found.notes.back().rfind("match_parameters: embed_dim ", 0), 0u);
  for (const char* chosen : {"embed_dim", "num_layers"}) {
    EXPECT_EQ(provenance_of(found, chosen).rfind("match_parameters ", 0), 0u) << chosen;
  }
  EXPECT_TRUE(contains(found.config.run_name, "d" + std::to_string(found.config.embed_dim) + "-"))
      << found.config.run_name;
}

TEST_F(MatchedFileTest, TheDepthIsTakenWhereTheWidthDoesNotFit) {
  const TrainConfig found = matched(R"({"num_layers": 9})",
                                    {"--coupler_type", "NONE", "--num_experts", "1", "--num_heads",
                                     "256", "--embed_dim", "256", "--num_layers", "2"})
                                .config;
  EXPECT_EQ(found.embed_dim, 256);
  EXPECT_EQ(found.num_layers, 9);
  EXPECT_EQ(found.num_heads, 256);
}

TEST_F(MatchedFileTest, ANameThatIsGivenStays) {
  EXPECT_EQ(matched(R"({"num_experts": 8})", {"--run_name", "mine"}).config.run_name, "mine");
}

TEST_F(MatchedFileTest, MistakesInTheFileAreThoseOfAnyFile) {
  const std::string message =
      message_of_error(ExitCode::usage, [&] { matched(R"({"experts": 8})", {}); });
  EXPECT_TRUE(contains(message, "there is no key \"experts\"")) << message;
}

TEST_F(MatchedFileTest, WithoutAFileNothingChanges) {
  const ParsedConfig parsed = parse({"--run_name", "r"});
  EXPECT_EQ(to_json(with_matched_parameters(parsed).config), to_json(parsed.config));
}

}  // namespace
}  // namespace hgnn_moe
