// What hgt_embed says of its memory, before and while it trains and infers.
#include <algorithm>
#include <cstdint>
#include <random>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/hgt_train_fixture.h"

namespace hgnn_moe::e2e {
namespace {

class HgtMemoryTest : public HgtRunTest {
 protected:
  static constexpr int kNodes = 12'000;
  static constexpr int kRelations = 6;

  // Random edges: two hops of ten neighbours reach most nodes.
  void write_random_graph() const {
    std::mt19937 random(3);
    const auto node = [&] { return random() % kNodes; };
    std::string triples;
    for (int i = 0; i < 60'000; ++i) {
      triples += fmt::format("n{}\tr{}\tn{}\n", node(), i % kRelations, node());
    }
    fs::create_directories(path("random"));
    data::testing::write_bytes(path("random/train.txt"), triples);
  }

  static Flags two_steps() {
    return {{"hidden_dim", "128"},       {"embedding_dim", "64"},     {"max_steps", "2"},
            {"batch_size", "2000"},      {"accumulation_steps", "2"}, {"num_negatives", "50"},
            {"num_eval_triples", "100"}, {"test_fraction", "0.001"},  {"threads", "1"},
            {"device", "cpu"},           {"run_name", "run"},         {"checkpoint_dir", "runs"}};
  }

  Json estimate(const Flags& flags) const {
    const ProcessResult result = train(flags.with({{"dry_run", ""}}), "random");
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out).at("memory");
  }

  double peak(const std::string& run) const {
    return summary(run).at("peak_memory_bytes").get<double>();
  }

  // Bytes beyond those of a run on next to nothing, announced and taken.
  void expect_within_a_factor_of_two(const Flags& flags, double base) const {
    const Json memory = estimate(flags);
    const double announced = memory.at("total").get<double>() - base;
    expect_success(train(flags.with({{"overwrite", ""}}), "random"));
    const double taken = peak("runs/run") - base;
    EXPECT_LT(taken, 2 * announced) << memory.dump(2);
    EXPECT_GT(taken, announced / 2) << memory.dump(2);
  }
};

// The first advice of an error, as flags.
Flags first_advice(const std::string& message) {
  std::smatch found;
  EXPECT_TRUE(std::regex_search(message, found, std::regex("give (?:one of )?(--[^(]*) \\(")));
  Flags flags{};
  std::istringstream words(found[1]);
  for (std::string name, value; words >> name >> value;) {
    flags = flags.with({{name.substr(2), value}});
  }
  return flags;
}

TEST_F(HgtMemoryTest, TheEstimateIsNearThePeak) {
  expect_success(train(tiny()));
  const double base = peak("runs/run");
  write_random_graph();
  expect_within_a_factor_of_two(two_steps(), base);
  expect_within_a_factor_of_two(
      two_steps().with({{"sampling", "edges"}, {"edge_sample_size", "2000"}}), base);
  expect_within_a_factor_of_two(two_steps().with({{"hidden_dim", "256"}}), base);
  // The one decoder that keeps differences of all pairs.
  expect_within_a_factor_of_two(two_steps().with({{"decoder", "rotate"}}), base);
}

TEST_F(HgtMemoryTest, TooLittleMemoryIsSaidBeforeWithAdviceThatFits) {
  write_random_graph();
  const auto total = estimate(two_steps()).at("total").get<std::int64_t>();
  const Flags limited = two_steps().with({{"memory_limit", std::to_string(total * 9 / 10)}});
  const ProcessResult refused = train(limited, "random");
  EXPECT_EQ(refused.exit_code, 6) << refused.err;
  EXPECT_TRUE(contains(refused.err, "training needs about ")) << refused.err;
  EXPECT_TRUE(contains(refused.err, "of which micro_batch takes ")) << refused.err;
  EXPECT_TRUE(contains(refused.err, "but memory_limit is ")) << refused.err;
  EXPECT_FALSE(fs::exists(path("runs"))) << "nothing was begun";
  expect_success(train(limited.with(first_advice(refused.err)), "random"));
  EXPECT_EQ(read_json(path("runs/run/config.json")).at("config").at("embedding_dim"), 64);
}

TEST_F(HgtMemoryTest, ADryRunPrintsThePartsAndFailsAlike) {
  const ProcessResult result = train(tiny().with({{"dry_run", ""}, {"memory_limit", "1MB"}}));
  EXPECT_EQ(result.exit_code, 6) << result.err;
  EXPECT_TRUE(contains(result.err, "before anything is trained, but memory_limit is "))
      << result.err;
  const Json memory = Json::parse(result.out).at("memory");
  EXPECT_EQ(memory.at("limit"), 1'000'000);
  std::int64_t sum = 0;
  for (const char* part : {"program", "graph", "parameters", "gradients", "optimizer",
                           "checkpoint_copy", "batches", "micro_batch", "inference"}) {
    sum += memory.at(part).get<std::int64_t>();
  }
  const auto of = [&](const char* part) { return memory.at(part).get<std::int64_t>(); };
  EXPECT_EQ(of("total"), sum - std::min(of("batches") + of("micro_batch"), of("inference")));
}

TEST_F(HgtMemoryTest, InferenceInSmallerTilesGivesTheSameFigures) {
  write_random_graph();
  // Else the features of all layers, which no tile makes smaller, are most of it.
  const Flags trained = two_steps().with({{"no_jumping_knowledge", ""}});
  expect_success(train(trained, "random"));
  const Flags flags = {{"threads", "1"}, {"device", "cpu"}, {"json", "whole.json"}};
  const Json memory = estimate(trained);
  const auto part = [&](const char* name) { return memory.at(name).get<std::int64_t>(); };
  const std::int64_t limit =
      part("program") + part("graph") + part("parameters") + part("inference") * 9 / 10;
  const Flags tight = flags.with({{"json", "tiles.json"}, {"memory_limit", std::to_string(limit)}});
  const ProcessResult whole = hgt("evaluate", "runs/run", flags);
  const ProcessResult tiles = hgt("evaluate", "runs/run", tight);
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  ASSERT_EQ(tiles.exit_code, 0) << tiles.err;
  EXPECT_FALSE(contains(whole.err, "nodes are embedded")) << whole.err;
  EXPECT_TRUE(contains(tiles.err, "nodes are embedded ")) << tiles.err;
  const auto mrr = [&](const char* file) {
    return read_json(path(file)).at("ranking").at("micro").at("mrr").get<double>();
  };
  EXPECT_NEAR(mrr("tiles.json"), mrr("whole.json"), 1e-3 * mrr("whole.json"));
  const ProcessResult refused = hgt("evaluate", "runs/run", flags.with({{"memory_limit", "1MB"}}));
  EXPECT_EQ(refused.exit_code, 6) << refused.err;
  EXPECT_TRUE(contains(refused.err, "even one node at a time")) << refused.err;
}

// With glibc's malloc it grew by half from the tenth step to the sixtieth: holes, not leaks.
TEST_F(HgtMemoryTest, MemoryDoesNotGrowWithTheSteps) {
  write_random_graph();
  expect_success(
      train(two_steps().with({{"hidden_dim", "64"}, {"max_steps", "36"}, {"eval_every", "0"}}),
            "random"));
  std::vector<double> bytes;
  for (const Json& step : read_events(path("runs/run"), "step")) {
    bytes.push_back(step.at("memory_bytes").get<double>());
  }
  ASSERT_EQ(bytes.size(), 36u);
  const double early = *std::max_element(bytes.begin() + 3, bytes.begin() + 10);
  const double late = *std::max_element(bytes.end() - 8, bytes.end());
  EXPECT_LT(late, 1.2 * early);
}

// max_steps ends an epoch early, and raising it goes on from there.
TEST_F(HgtMemoryTest, StepsMayBeBoundedAndRaised) {
  const Flags flags = tiny().with({{"resume_checkpoint", "auto"}});
  expect_success(train(flags.with({{"max_steps", "20"}, {"checkpoint_dir", "twin"}})));
  EXPECT_EQ(summary("twin/run").at("steps"), 20);
  expect_success(train(flags.with({{"max_steps", "4"}})));
  EXPECT_EQ(summary().at("steps"), 4);
  EXPECT_EQ(summary().at("epochs"), 1) << "of three steps each";
  expect_success(train(flags.with({{"max_steps", "20"}})));
  EXPECT_EQ(read_series(path("runs/run"), "step", "loss"),
            read_series(path("twin/run"), "step", "loss"));
}

}  // namespace
}  // namespace hgnn_moe::e2e
