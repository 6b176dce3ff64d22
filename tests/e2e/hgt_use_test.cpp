// hgt_embed evaluate and predict on a finished run.
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/e2e/hgt_train_fixture.h"

namespace hgnn_moe::e2e {
namespace {

using HgtUseTest = HgtRunTest;

const Flags kSmall = {{"threads", "1"}, {"device", "cpu"}};

TEST_F(HgtUseTest, EvaluateGivesTheFiguresOfTheRun) {
  expect_success(train(tiny().with({{"seed", "3"}})));
  const ProcessResult result = hgt("evaluate", "runs/run", kSmall.with({{"json", "figures.json"}}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.out, "(entity, step5, entity)")) << result.out;
  const Json record = read_json(path("figures.json"));
  EXPECT_EQ(record.at("ranking"), summary().at("results").at("test"));
  EXPECT_EQ(record.at("links"), summary().at("results").at("links")) << "with the run's negatives";
  const Json& links = record.at("links").at("(entity, step1, entity)");
  EXPECT_EQ(links.at("positives"), 4);
  // Every entity has one edge of each relation, so degrees tell nothing.
  EXPECT_EQ(links.at("degree_product").at("auroc"), 0.5);

  expect_success(
      hgt("evaluate", "runs/run", kSmall.with({{"negatives_seed", "4"}, {"json", "other.json"}})));
  EXPECT_NE(read_json(path("other.json")).at("links"), record.at("links"));
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
  const Json heads = read_json(path("heads.json")).at("nodes");  // outlives the loop
  ASSERT_EQ(heads.size(), 48u);
  for (const Json& node : heads) {
    EXPECT_EQ(node.at("triple"), node.at("id") == "e9" ? "held out" : "new");
  }
}

TEST_F(HgtUseTest, ThroughAReverseRelationTheSameTripleIsAsked) {
  expect_success(train(tiny()));
  const auto nodes = [&](const char* side, const char* relation) {
    expect_success(
        hgt("predict", "runs/run",
            kSmall.with({{side, "e10"}, {"relation", relation}, {"json", "nodes.json"}})));
    return read_json(path("nodes.json")).at("nodes");
  };
  EXPECT_EQ(nodes("head", "step1_reverse"), nodes("tail", "step1"));
  EXPECT_EQ(nodes("tail", "step5_reverse"), nodes("head", "step5"));
  EXPECT_NE(nodes("head", "step1"), nodes("tail", "step1"));
}

TEST_F(HgtUseTest, CollapsedEmbeddingsAreRefusedUnlessAsked) {
  expect_success(train(tiny().with({{"node_features", "ones"}})));
  EXPECT_EQ(summary().at("results").at("embeddings").at("verdict"), "collapsed");
  const Flags question = kSmall.with({{"head", "e3"}, {"relation", "step1"}});
  const ProcessResult refused = hgt("predict", "runs/run", question);
  EXPECT_EQ(refused.exit_code, 2);
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

TEST_F(HgtUseTest, FilesOfARunAreNotWrittenOver) {
  expect_success(train(tiny()));
  const fs::path config = path("runs/run/config.json");
  const std::string before = data::testing::read_bytes(config);
  const auto refused = [&](const ProcessResult& result) {
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_TRUE(contains(result.err, "is a file of a run")) << result.err;
  };
  refused(hgt("evaluate", "runs/run", kSmall.with({{"json", "runs/run/config.json"}})));
  refused(hgt("evaluate", "runs/run", kSmall.with({{"json", config.string()}})));
  refused(hgt("embed", "runs/run", kSmall.with({{"out", "runs/run/embeddings.safetensors"}})));
  refused(
      hgt("validate", "runs/run/embeddings.safetensors", {{"json", "runs/run/run_summary.json"}}));
  EXPECT_EQ(data::testing::read_bytes(config), before);
  for (int i = 0; i < 2; ++i) {
    expect_success(hgt("evaluate", "runs/run", kSmall.with({{"json", "runs/run/figures.json"}})));
  }
  const ProcessResult nowhere =
      hgt("evaluate", "runs/run", kSmall.with({{"json", "none/figures.json"}}));
  EXPECT_EQ(nowhere.exit_code, 7) << nowhere.err;
  EXPECT_FALSE(contains(nowhere.out, "MRR")) << "told before the work";
}

TEST_F(HgtUseTest, AnyCheckpointCanBeTaken) {
  expect_success(train(tiny().with({{"keep_checkpoints", "9"}, {"learning_rate", "0.02"}})));
  const fs::path checkpoints = path("runs/run/checkpoints");
  const auto step_of = [&](const std::string& name) {
    const ProcessResult result =
        hgt("evaluate", "runs/run", kSmall.with({{"checkpoint", name}, {"json", "figures.json"}}));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return read_json(path("figures.json")).at("step").get<std::int64_t>();
  };
  EXPECT_EQ(step_of("latest"), 36);
  EXPECT_EQ(step_of("step-00000009"), 9);
  EXPECT_EQ(step_of("best"), summary().at("best_step"));
  const ProcessResult none =
      hgt("evaluate", "runs/run", kSmall.with({{"checkpoint", "step-00000010"}}));
  EXPECT_EQ(none.exit_code, 4);
  EXPECT_TRUE(contains(none.err, "give one of step-00000009, step-00000018")) << none.err;

  // The message names what the command takes then.
  data::testing::write_bytes(checkpoints / "step-00000036/model.safetensors", "damaged");
  const ProcessResult damaged =
      hgt("evaluate", "runs/run", kSmall.with({{"checkpoint", "latest"}}));
  EXPECT_EQ(damaged.exit_code, 4);
  EXPECT_TRUE(contains(damaged.err, "--checkpoint takes another one: step-00000009"))
      << damaged.err;
  EXPECT_EQ(step_of("step-00000027"), 27);
}

TEST_F(HgtUseTest, ABestCheckpointThatIsGoneIsNotReplacedInSilence) {
  expect_success(train(tiny().with({{"keep_checkpoints", "9"}})));
  data::testing::write_bytes(path("runs/run/checkpoints/best"), "step-00000010\n");
  const ProcessResult gone = hgt("evaluate", "runs/run", kSmall);
  EXPECT_EQ(gone.exit_code, 4);
  EXPECT_TRUE(contains(gone.err, "names 'step-00000010', which is not there")) << gone.err;
  EXPECT_TRUE(contains(gone.err, "give one of step-00000009, step-00000018")) << gone.err;
  expect_success(hgt("evaluate", "runs/run", kSmall.with({{"checkpoint", "latest"}})));
}

TEST_F(HgtUseTest, ARunThatIsNotFinishedIsSaidToBe) {
  expect_success(train(tiny()));
  const ProcessResult done = hgt("evaluate", "runs/run", kSmall);
  EXPECT_FALSE(contains(done.err, "is not finished")) << done.err;
  Json record = summary();
  record["status"] = "stopped";
  data::testing::write_bytes(path("runs/run/run_summary.json"), record.dump());
  const ProcessResult stopped = hgt("evaluate", "runs/run", kSmall);
  EXPECT_EQ(stopped.exit_code, 0);
  EXPECT_TRUE(contains(stopped.err, "run 'runs/run' is not finished (stopped)")) << stopped.err;
  fs::remove(path("runs/run/run_summary.json"));
  const ProcessResult killed = hgt("evaluate", "runs/run", kSmall);
  EXPECT_TRUE(contains(killed.err, "run 'runs/run' is not finished: ")) << killed.err;
}

TEST_F(HgtUseTest, LongNamesKeepTheColumns) {
  const std::string long_id(60, 'x');
  std::string triples = data::testing::read_bytes(path("circle/train.txt"));
  triples += "e3\tstep1\t" + long_id + "\n";
  data::testing::write_bytes(path("circle/train.txt"), triples);
  expect_success(train(tiny()));
  const ProcessResult result = hgt(
      "predict", "runs/run",
      kSmall.with({{"head", "e3"}, {"relation", "step1"}, {"top", "49"}, {"ignore_verdict", ""}}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(result.out);
  std::string line;
  std::getline(lines, line);
  const std::size_t column = line.find("triple");
  int rows = 0;
  for (; std::getline(lines, line); ++rows) {
    EXPECT_EQ(line[column - 1], ' ') << line;
    EXPECT_TRUE(line.substr(column) == "new" || line.substr(column) == "known" ||
                line.substr(column) == "held out")
        << line;
  }
  EXPECT_EQ(rows, 49);
}

TEST_F(HgtUseTest, AnotherGraphIsRefused) {
  expect_success(train(tiny()));
  data::testing::write_bytes(path("circle/test.txt"), "e1\tstep1\te2\n");
  const ProcessResult result = hgt("evaluate", "runs/run", kSmall);
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_TRUE(contains(result.err, "content hash")) << result.err;
}

// The relations that a run held out are looked for in the graph that it was trained on.
TEST_F(HgtUseTest, AnotherGraphIsToldBeforeItsRelations) {
  expect_success(train(tiny().with({{"split", "pairs"}, {"split_relations", "step5"}})));
  fs::create_directories(path("other"));
  data::testing::write_bytes(path("other/train.txt"), "a\tr\tb\nb\tr\tc\n");
  const ProcessResult result = hgt("evaluate", "runs/run", kSmall.with({{"graph", "other"}}));
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_TRUE(contains(result.err, "content hash")) << result.err;
}

}  // namespace
}  // namespace hgnn_moe::e2e
