// hgt_embed evaluate and predict on a finished run.
#include <string>

#include <gtest/gtest.h>

#include "tests/e2e/hgt_train_fixture.h"

namespace hgnn_moe::e2e {
namespace {

using HgtUseTest = HgtRunTest;

const Flags kSmall = {{"threads", "1"}, {"device", "cpu"}};

TEST_F(HgtUseTest, EvaluateGivesTheFiguresOfTheRun) {
  expect_success(train(tiny()));
  const ProcessResult result = hgt("evaluate", "runs/run", kSmall.with({{"json", "figures.json"}}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "(entity, step5, entity)")) << result.out;
  const Json record = read_json(path("figures.json"));
  EXPECT_EQ(record.at("ranking"), summary().at("results").at("test"));
  const Json& links = record.at("links").at("(entity, step1, entity)");
  EXPECT_EQ(links.at("positives"), 4);
  // Every entity has one edge of each relation, so degrees tell nothing.
  EXPECT_EQ(links.at("degree_product").at("auroc"), 0.5);
}

TEST_F(HgtUseTest, PredictRanksAndMarksWhatIsKnown) {
  expect_success(train(tiny().with({{"decoder", "rotate"},
                                    {"messages", "none"},
                                    {"margin", "6"},
                                    {"loss", "bce"},
                                    {"learning_rate", "0.02"},
                                    {"num_epochs", "150"},
                                    {"eval_every", "0"}})));
  const ProcessResult result = hgt(
      "predict", "runs/run",
      kSmall.with({{"head", "e3"}, {"relation", "step1"}, {"top", "48"}, {"json", "tails.json"}}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json nodes = read_json(path("tails.json")).at("nodes");
  ASSERT_EQ(nodes.size(), 48u);
  EXPECT_EQ(nodes[0].at("id"), "e4") << "it was trained on";
  EXPECT_EQ(nodes[0].at("triple"), "known");
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    EXPECT_EQ(nodes[i].at("triple"), "new");
    EXPECT_LE(nodes[i].at("score").get<double>(), nodes[i - 1].at("score").get<double>());
    EXPECT_LE(nodes[i].at("percentile").get<double>(), nodes[i - 1].at("percentile").get<double>());
  }
  const ProcessResult held = hgt(
      "predict", "runs/run",
      kSmall.with({{"tail", "e10"}, {"relation", "step1"}, {"top", "48"}, {"json", "heads.json"}}));
  ASSERT_EQ(held.exit_code, 0) << held.err;
  for (const Json& node : read_json(path("heads.json")).at("nodes")) {
    EXPECT_EQ(node.at("triple"), node.at("id") == "e9" ? "held out" : "new");
  }
}

TEST_F(HgtUseTest, CollapsedEmbeddingsAreRefusedUnlessAsked) {
  expect_success(train(tiny().with({{"node_features", "ones"}})));
  EXPECT_EQ(summary().at("results").at("embeddings").at("verdict"), "collapsed");
  const Flags question = kSmall.with({{"head", "e3"}, {"relation", "step1"}});
  const ProcessResult refused = hgt("predict", "runs/run", question);
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_TRUE(contains(refused.err, "have collapsed")) << refused.err;
  expect_success(hgt("predict", "runs/run", question.with({{"ignore_verdict", ""}})));
}

TEST_F(HgtUseTest, MistakesAreToldWithWhatThereIs) {
  expect_success(train(tiny()));
  const auto message = [&](const Flags& flags) {
    const ProcessResult result = hgt("predict", "runs/run", kSmall.with(flags));
    EXPECT_EQ(result.exit_code, 2) << result.err;
    return result.err;
  };
  EXPECT_TRUE(contains(message({{"head", "e3"}, {"relation", "stepp1"}}), "did you mean step1"));
  EXPECT_TRUE(contains(message({{"head", "nobody"}, {"relation", "step1"}}), "nobody"));
  EXPECT_TRUE(contains(message({{"relation", "step1"}}), "neither head nor tail is given"));
  EXPECT_TRUE(contains(message({{"head", "e3"}, {"tail", "e4"}, {"relation", "step1"}}),
                       "head and tail are both given"));
  const ProcessResult nowhere = hgt("evaluate", "runs/none", kSmall);
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_TRUE(contains(nowhere.err, "holds no run of hgt_embed train")) << nowhere.err;
}

TEST_F(HgtUseTest, AnotherGraphIsRefused) {
  expect_success(train(tiny()));
  data::testing::write_bytes(path("circle/test.txt"), "e1\tstep1\te2\n");
  const ProcessResult result = hgt("evaluate", "runs/run", kSmall);
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_TRUE(contains(result.err, "content hash")) << result.err;
}

}  // namespace
}  // namespace hgnn_moe::e2e
