// What options of hgt_embed train change of a run, as its files tell.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/hgt_train_fixture.h"
#include "tests/e2e/hgt_typed_graph.h"

#include "hgnn_moe/base/safetensors.h"

namespace hgnn_moe::e2e {
namespace {

class HgtOptionsTest : public HgtRunTest {
 protected:
  static constexpr std::size_t kWidth = 16;  // of tiny()

  void SetUp() override {
    HgtRunTest::SetUp();
    data::testing::write_bytes(path("kg.csv"), typed_graph());
  }

  // A series of the steps of a run on the typed graph.
  std::vector<double> series(const Flags& flags, const std::string& field) const {
    expect_success(train(tiny().with({{"overwrite", ""}}).with(flags), "kg.csv"));
    return read_series(path("runs/run"), "step", field);
  }

  // The first three losses on it.
  std::vector<double> losses(const Flags& flags) const {
    return series(flags.with({{"max_steps", "3"}, {"eval_every", "0"}}), "link_loss");
  }

  Json dry_run(const Flags& flags, const std::string& graph = "kg.csv") const {
    const ProcessResult result = train(flags.with({{"dry_run", ""}, {"device", "cpu"}}), graph);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out);
  }

  // Whether training moves all rows of the table of embeddings of drugs, diseases and genes, which
  // stand in this order.
  std::vector<bool> moved_rows(const Flags& flags) const {
    std::vector<std::vector<float>> tables;
    for (const char* learning_rate : {"1e-30", "0.01"}) {
      expect_success(
          train(flags.with({{"learning_rate", learning_rate}, {"overwrite", ""}}), "kg.csv"));
      tables.push_back(weights("runs/run").at("encoder.node_emb.weight"));
    }
    std::vector<bool> moved;
    std::size_t first = 0;
    for (const int count : {kDrugs, kDiseases, kGenes}) {
      bool all = true, any = false;
      for (int i = 0; i < count; ++i, first += kWidth) {
        const float* row = &tables[0][first];
        const bool differs = !std::equal(row, row + kWidth, &tables[1][first]);
        all = all && differs;
        any = any || differs;
      }
      EXPECT_EQ(all, any);
      moved.push_back(all);
    }
    EXPECT_EQ(first, tables[0].size());
    return moved;
  }

  // The numbers of a run's newest checkpoint.
  std::map<std::string, std::vector<float>> weights(const std::string& run) const {
    const SafetensorsFile file(checkpoint_of(path(run)) / "model.safetensors", ExitCode::internal);
    std::map<std::string, std::vector<float>> weights;
    for (const TensorEntry& entry : file.entries()) {
      std::vector<float>& values = weights[entry.name];
      values.resize((entry.end - entry.begin) / sizeof(float));
      std::memcpy(values.data(), file.data(entry), entry.end - entry.begin);
    }
    return weights;
  }
};

TEST_F(HgtOptionsTest, TheContrastIsPartOfTheLossAndOfTheGradient) {
  const Flags contrast = {{"max_steps", "3"}, {"eval_every", "0"}, {"contrast_anchors", "8"}};
  std::vector<std::vector<Json>> runs;
  for (const char* weight : {"0", "0.5", "2"}) {
    expect_success(train(
        tiny().with(contrast).with({{"contrastive_weight", weight}, {"overwrite", ""}}), "kg.csv"));
    runs.push_back(read_events(path("runs/run"), "step"));
    ASSERT_EQ(runs.back().size(), 3u);
  }
  const auto value = [&](int run, int step, const char* key) {
    return runs[run][step].at(key).get<double>();
  };
  EXPECT_FALSE(runs[0][0].contains("contrast_loss"));
  EXPECT_EQ(value(0, 0, "loss"), value(0, 0, "link_loss"));
  for (int step = 0; step < 3; ++step) {
    EXPECT_GT(value(1, step, "contrast_loss"), 0.1);
    EXPECT_DOUBLE_EQ(value(1, step, "loss"),
                     value(1, step, "link_loss") + 0.5 * value(1, step, "contrast_loss"));
  }
  // Drawn beside all else: the first step has the same two parts.
  EXPECT_NEAR(value(1, 0, "link_loss"), value(0, 0, "link_loss"), 1e-5);
  EXPECT_DOUBLE_EQ(value(2, 0, "contrast_loss"), value(1, 0, "contrast_loss"));
  EXPECT_DOUBLE_EQ(value(2, 0, "link_loss"), value(1, 0, "link_loss"));
  // And the second what the weight made of the first.
  EXPECT_NE(value(1, 1, "link_loss"), value(0, 1, "link_loss"));
  EXPECT_NE(value(2, 1, "link_loss"), value(1, 1, "link_loss"));
}

TEST_F(HgtOptionsTest, AContrastOfNothingIsRefused) {
  const auto refused = [&](const Flags& flags, const std::string& graph, const char* message) {
    const ProcessResult result =
        train(tiny().with({{"contrastive_weight", "0.5"}}).with(flags), graph);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_TRUE(contains(result.err, message)) << result.err;
    EXPECT_FALSE(fs::exists(path("runs/run/config.json"))) << "told before a run is begun";
  };
  refused({{"contrast_node_type", "entity"}}, "circle",
          "contrastive_weight is 0.5, but no relation joins nodes of type entity with nodes of "
          "another type");
  refused({{"similarity_threshold", "0.99"}}, "kg.csv",
          "contrastive_weight is 0.5, but no two nodes of type disease are alike by more than "
          "similarity_threshold 0.99");
  refused({{"contrast_node_type", "diseas"}}, "kg.csv", "contrast_node_type: ");
  refused({{"contrast_relations", "indicatio"}}, "kg.csv", "contrast_relations: ");
  expect_success(train(tiny().with({{"contrastive_weight", "0.5"},
                                    {"similarity_threshold", "0.5"},
                                    {"contrast_relations", "disease_protein"},
                                    {"max_steps", "1"}}),
                       "kg.csv"));
}

TEST_F(HgtOptionsTest, PresetsAreWhatADryRunShows) {
  const Flags small = {{"hidden_dim", "16"}, {"embedding_dim", "16"}, {"num_heads", "2"}};
  const char* keys[] = {"num_epochs",       "learning_rate", "accumulation_steps",
                        "edge_sample_size", "limit_nodes",   "sampling"};
  const std::map<std::string, Json> expected = {
      {"none", {100, 1e-3, 8, 5000, -1, "neighbors"}},
      {"quick", {20, 1e-3, 4, 5000, 5000, "neighbors"}},
      {"full", {100, 1e-3, 8, 5000, -1, "edges"}},
      {"high_quality", {200, 5e-4, 2, 8000, -1, "edges"}},
      {"memory_constrained", {100, 1e-3, 8, 3000, -1, "edges"}}};
  for (const auto& [preset, values] : expected) {
    const Json config = dry_run(small.with({{"preset", preset}})).at("config");
    Json found = Json::array();
    for (const char* key : keys) found.push_back(config.at(key));
    EXPECT_EQ(found, values) << preset;
  }
  const Json limited = dry_run(small.with({{"preset", "quick"}, {"limit_nodes", "60"}}));
  EXPECT_EQ(limited.at("graph").at("nodes"), 60);
  EXPECT_EQ(limited.at("config").at("num_epochs"), 20);
}

TEST_F(HgtOptionsTest, LayersMayBeNormalised) {
  // A weight and a bias of 16 for each of two layers and three types.
  EXPECT_EQ(dry_run(tiny().with({{"layer_norm", ""}})).at("parameters").get<int>() -
                dry_run(tiny()).at("parameters").get<int>(),
            2 * 3 * 2 * 16);
  const char* norm = "encoder.convs.1.norms.disease.weight";
  const double normalised = losses({{"layer_norm", ""}})[0];
  EXPECT_EQ(weights("runs/run").count(norm), 1u);
  EXPECT_NE(losses({})[0], normalised);
  EXPECT_EQ(weights("runs/run").count(norm), 0u);
}

TEST_F(HgtOptionsTest, TheLearningRateFollowsItsSchedule) {
  const double rate = 0.01, last = 1e-6;
  for (const std::string schedule : {"constant", "cosine", "linear", "wsd"}) {
    expect_success(train(tiny().with({{"lr_schedule", schedule}, {"overwrite", ""}})));
    const auto found = read_series(path("runs/run"), "step", "learning_rate");
    ASSERT_EQ(found.size(), 36u);
    for (int s = 0; s < 36; ++s) {
      const double done = s / 36.0, decayed = std::max(0.0, (s - 29) / 7.0);
      double expected = rate;
      if (schedule == "cosine") {
        expected = last + (rate - last) * (1 + std::cos(std::acos(-1.0) * done)) / 2;
      } else if (schedule == "linear") {
        expected = rate + (last - rate) * done;
      } else if (schedule == "wsd") {
        expected = rate + (last - rate) * decayed;
      }
      EXPECT_NEAR(found[s], expected, 1e-12) << schedule << ' ' << s;
    }
  }
}

TEST_F(HgtOptionsTest, WeightDecayIsOfDenseWeightsAlone) {
  const Flags one_step = {{"max_steps", "1"}, {"learning_rate", "0.01"}};
  expect_success(train(tiny().with(one_step), "kg.csv"));
  expect_success(train(
      tiny().with(one_step).with({{"weight_decay", "0.5"}, {"run_name", "decayed"}}), "kg.csv"));
  const auto plain = weights("runs/run"), decayed = weights("runs/decayed");
  ASSERT_EQ(plain.size(), decayed.size());
  int dense = 0;
  for (const auto& [name, values] : plain) {
    const std::vector<float>& others = decayed.at(name);
    if (name == "encoder.node_emb.weight") {
      EXPECT_EQ(values, others);
      continue;
    }
    // x - r d x in place of x, before an update of at most r.
    double changed = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double before = (values[i] - others[i]) / (0.01 * 0.5);
      EXPECT_NEAR(before, values[i], 0.0101 + 1e-4) << name;
      changed = std::max(changed, std::abs(before));
    }
    EXPECT_GT(changed, 0.0) << name;
    ++dense;
  }
  EXPECT_GT(dense, 20);
}

TEST_F(HgtOptionsTest, KnownCandidatesAndMessagesChangeTheLoss) {
  const auto targets = losses({{"known_candidates", "targets"}});
  EXPECT_EQ(losses({}), targets);
  EXPECT_GT(std::abs(losses({{"known_candidates", "left_out"}})[0] - targets[0]), 1e-3);
  EXPECT_GT(std::abs(losses({{"loss", "bce"}})[0] - targets[0]), 1e-2);
  const auto shuffled = losses({{"messages", "shuffled"}}), none = losses({{"messages", "none"}});
  EXPECT_NE(shuffled[0], targets[0]);
  EXPECT_NE(none[0], targets[0]);
  for (const double messages : read_series(path("runs/run"), "step", "messages")) {
    EXPECT_EQ(messages, 0.0);
  }
}

TEST_F(HgtOptionsTest, RelationsThatAreNotLearnedCarryMessagesAlone) {
  const Flags few = {{"num_epochs", "2"}, {"train_relations", "indication"}};
  expect_success(train(tiny().with(few), "kg.csv"));
  const Json config = read_json(path("runs/run") / "config.json");
  std::int64_t treatments = 0;
  for (const Json& relation : config.at("graph").at("relations")) {
    if (relation.at("name") == "indication") treatments = relation.at("train_edges");
  }
  EXPECT_GT(treatments, 150);
  EXPECT_LT(treatments, 2 * kDrugs);
  const Json run = summary();
  EXPECT_EQ(run.at("triples_per_epoch"), treatments);
  EXPECT_EQ(run.at("results").at("test").at("relations").size(), 1u) << "no other is held out";

  // Genes are in no triple that is learned: what they bring to drugs and diseases moves them.
  const std::vector<bool> all(3, true);
  EXPECT_EQ(moved_rows(tiny().with(few)), all);

  // Nothing else can be asked of the run.
  const Flags ask = {{"threads", "1"}, {"device", "cpu"}, {"ignore_verdict", ""}};
  const ProcessResult targets =
      hgt("predict", "runs/run", ask.with({{"head", "D1"}, {"relation", "drug_protein"}}));
  EXPECT_EQ(targets.exit_code, 2);
  EXPECT_TRUE(contains(targets.err, "its train_relations is indication")) << targets.err;
  expect_success(
      hgt("predict", "runs/run", ask.with({{"head", "D1"}, {"relation", "indication"}})));
}

// The embeddings of inductive types in the table are never read, so they stay as they were drawn.
TEST_F(HgtOptionsTest, InductiveTypesLearnNoEmbeddingsOfTheirOwn) {
  const Flags drugs = {{"num_epochs", "2"}, {"inductive_types", "drug"}};
  EXPECT_EQ(moved_rows(tiny().with(drugs)), std::vector<bool>({false, true, true}));
  EXPECT_EQ(moved_rows(tiny().with({{"num_epochs", "2"}})), std::vector<bool>({true, true, true}));

  // A resumed run ends with the same bits, and others may not go on with it.
  const Flags fresh = tiny().with(drugs).with({{"overwrite", ""}});
  expect_success(train(fresh, "kg.csv"));
  const auto whole = weights("runs/run");
  expect_success(train(fresh.with({{"max_steps", "5"}}), "kg.csv"));
  const Flags resume = tiny().with(drugs).with({{"resume_checkpoint", "auto"}});
  const ProcessResult other = train(resume.with({{"inductive_types", "disease"}}), "kg.csv");
  EXPECT_EQ(other.exit_code, 2) << other.err;
  EXPECT_TRUE(contains(other.err, "inductive_types: drug in the checkpoint, disease now"))
      << other.err;
  expect_success(train(resume, "kg.csv"));
  EXPECT_EQ(weights("runs/run"), whole);
}

TEST_F(HgtOptionsTest, WhatIsNotLearnedIsNotHeldOut) {
  const ProcessResult held =
      train(tiny().with({{"train_relations", "indication"}, {"split_relations", "drug_protein"}}),
            "kg.csv");
  EXPECT_EQ(held.exit_code, 2);
  EXPECT_TRUE(contains(held.err,
                       "train_relations is indication, but triples of (drug, drug_protein, "
                       "gene/protein) are held out"))
      << held.err;
  const ProcessResult files = train(tiny().with({{"train_relations", "step5"}}));
  EXPECT_EQ(files.exit_code, 2);
  EXPECT_TRUE(contains(files.err, "are held out")) << files.err;
  const ProcessResult unknown = train(tiny().with({{"train_relations", "indicaton"}}), "kg.csv");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_TRUE(contains(unknown.err, "did you mean indication?")) << unknown.err;
  EXPECT_FALSE(fs::exists(path("runs/run")));
}

// The test's treatments are then all that is held out, and predict marks them.
TEST_F(HgtOptionsTest, NodesHeldOutAreMeasuredByTheirRecall) {
  expect_success(train(tiny().with({{"split", "nodes"},
                                    {"split_relations", "indication"},
                                    {"split_node_type", "disease"},
                                    {"valid_fraction", "0"},
                                    {"test_fraction", "0.3"},
                                    {"num_epochs", "3"}}),
                       "kg.csv"));
  const Flags use = {{"threads", "1"}, {"device", "cpu"}, {"json", "figures.json"}};
  const ProcessResult result = hgt("evaluate", "runs/run", use);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto recall = read_json(path("figures.json")).at("recall_at_100").get<double>();
  EXPECT_TRUE(contains(result.out, fmt::format("Recall@100 of held-out nodes of type disease: "
                                               "{:.4f}\n",
                                               recall)))
      << result.out;
  std::vector<double> recalls;
  for (int d = 0; d < kDiseases; ++d) {
    expect_success(hgt("predict", "runs/run",
                       use.with({{"tail", fmt::format("M{}", d)},
                                 {"relation", "indication"},
                                 {"top", "1000"},
                                 {"ignore_verdict", ""}})));
    std::map<std::string, int> all, first;
    const Json record = read_json(path("figures.json"));
    for (const Json& node : record.at("nodes")) {
      ++all[node.at("triple")];
      if (node.at("rank") <= 100) ++first[node.at("triple")];
    }
    if (all["held out"] == 0) continue;
    EXPECT_EQ(all["known"], 0) << "of M" << d;
    recalls.push_back(first["held out"] / static_cast<double>(all["held out"]));
  }
  ASSERT_EQ(recalls.size(), 4u) << "0.3 of 12 diseases";
  double sum = 0;
  for (const double one : recalls) sum += one;
  EXPECT_NEAR(recall, sum / 4, 1e-9);
  EXPECT_LT(recall, 1.0) << "any order gives that";
}

// With a rate that is too high the last weights are not the best ones.
TEST_F(HgtOptionsTest, TheBestCheckpointIsMeasuredAndWritten) {
  const Flags use = {{"threads", "1"}, {"device", "cpu"}};
  for (int seed = 1; seed <= 8; ++seed) {
    const Flags flags = tiny().with({{"learning_rate", "0.3"},
                                     {"eval_every", "1"},
                                     {"num_epochs", "6"},
                                     {"seed", std::to_string(seed)}});
    expect_success(train(flags.with({{"overwrite", ""}})));
    if (summary().at("best_step") == summary().at("steps")) continue;
    const auto ranking = [&](const char* checkpoint) {
      expect_success(hgt("evaluate", "runs/run",
                         use.with({{"checkpoint", checkpoint}, {"json", "figures.json"}})));
      return read_json(path("figures.json")).at("ranking");
    };
    EXPECT_EQ(ranking("best"), summary().at("results").at("test"));
    EXPECT_NE(ranking("latest"), summary().at("results").at("test"));
    expect_success(hgt("embed", "runs/run", use.with({{"out", "best.safetensors"}})));
    EXPECT_EQ(data::testing::read_bytes(path("best.safetensors")),
              data::testing::read_bytes(path("runs/run/embeddings.safetensors")));

    const Json latest = ranking("latest");
    const std::string best = data::testing::read_bytes(path("runs/run/checkpoints/best"));
    fs::remove_all(path("runs/run/checkpoints") / best.substr(0, best.find('\n')));
    const ProcessResult again = train(flags.with({{"resume_checkpoint", "auto"}}));
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_TRUE(contains(again.err, "is gone from run run: the weights of step")) << again.err;
    EXPECT_EQ(summary().at("results").at("test"), latest);
    return;
  }
  FAIL() << "the last weights are the best for all seeds: this test shows nothing";
}

}  // namespace
}  // namespace hgnn_moe::e2e
