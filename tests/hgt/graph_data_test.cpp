#include "hgnn_moe/hgt/graph_data.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/kg/sampling_support.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/hgt/link_model.h"
#include "hgnn_moe/kg/facts.h"

namespace hgnn_moe::hgt {
namespace {

using kg::testing::kDisease;
using kg::testing::kDrug;
using kg::testing::triples_in;
using kg::testing::TripleSet;

kg::LoadedFiles files_of(const kg::Graph& graph) {
  kg::LoadedFiles files;
  files.parts.push_back({graph, {}});
  return files;
}

HgtConfig small_config() {
  HgtConfig config;
  config.graph = "kg.csv";
  config.hidden_dim = 8;
  config.embedding_dim = 6;
  config.num_heads = 2;
  config.embedding_init = 1.0;
  return config;
}

class GraphDataTest : public ::testing::Test {
 protected:
  GraphData read(const HgtConfig& config) const { return graph_data_of(config, files_); }

  // Facts by the ids of their ends, in both directions: node numbers change where nodes are
  // dropped.
  using NamedFacts = std::set<std::tuple<std::string, std::string, std::string>>;

  static NamedFacts named(const kg::Graph& graph, const TripleSet& triples) {
    NamedFacts facts;
    for (const auto& [relation, head, tail] : triples) {
      facts.emplace(graph.node_ids[head], kg::relation_title(graph, graph.relations[relation]),
                    graph.node_ids[tail]);
    }
    return facts;
  }

  // Of training and of all that is held out.
  static NamedFacts all_facts(const GraphData& data) {
    TripleSet triples = triples_in(data.split.train);
    for (const kg::Triple& fact : kg::held_out_facts(data.split)) {
      kg::testing::add_fact(data.split.train, fact, triples);
    }
    return named(data.split.train, triples);
  }

  const kg::Graph graph_ = kg::testing::random_graph(2, 6);
  const kg::LoadedFiles files_ = files_of(graph_);
};

TEST_F(GraphDataTest, ShuffledMessagesKeepDegreesAndNothingElse) {
  HgtConfig config = small_config();
  const GraphData plain = read(config);
  config.messages = HgtMessages::shuffled;
  const GraphData shuffled = read(config);
  const TripleSet edges = triples_in(plain.split.train);
  EXPECT_EQ(triples_in(plain.messages), edges);
  EXPECT_EQ(triples_in(shuffled.split.train), edges) << "what is learned stays";
  EXPECT_EQ(shuffled.split.test, plain.split.test);

  const TripleSet other = triples_in(shuffled.messages);
  std::map<std::array<std::int32_t, 3>, int> degrees;
  for (const auto& [relation, head, tail] : edges) {
    ++degrees[{relation, 0, head}];
    ++degrees[{relation, 1, tail}];
  }
  int same = 0;
  for (const auto& [relation, head, tail] : other) {
    --degrees[{relation, 0, head}];
    --degrees[{relation, 1, tail}];
    same += static_cast<int>(edges.count({relation, head, tail}));
  }
  for (const auto& [what, count] : degrees) EXPECT_EQ(count, 0) << what[0] << ' ' << what[2];
  EXPECT_LT(same, static_cast<int>(edges.size()) / 2);

  // The seed draws them: here of the same edges, since nothing is held out.
  config.valid_fraction = config.test_fraction = 0.0;
  const TripleSet of_all = triples_in(read(config).messages);
  EXPECT_EQ(triples_in(read(config).messages), of_all);
  config.seed += 1;
  EXPECT_NE(triples_in(read(config).messages), of_all);

  // The embeddings of one model differ by them.
  config = small_config();
  const LinkModel model(config, plain.split.train, at::kCPU);
  const at::Tensor embeddings = model.embed(plain.messages);
  EXPECT_GT((model.embed(shuffled.messages) - embeddings).norm().item<double>(),
            0.01 * embeddings.norm().item<double>());
  config.messages = HgtMessages::none;
  const LinkModel without(config, plain.split.train, at::kCPU);
  EXPECT_TRUE(without.embed(plain.messages).equal(without.embed(shuffled.messages)));
}

TEST_F(GraphDataTest, LimitedNodesKeepTheEdgesBetweenThem) {
  HgtConfig config = small_config();
  EXPECT_EQ(all_facts(read(config)), named(graph_, triples_in(graph_)));
  config.limit_nodes = 90;
  const GraphData data = read(config);
  ASSERT_EQ(data.split.train.node_count(), 90);
  std::set<std::string> kept;
  for (std::int32_t n = 0; n < 90; ++n) kept.emplace(data.split.train.node_ids[n]);
  EXPECT_EQ(kept.size(), 90u);
  NamedFacts expected;
  for (const auto& fact : named(graph_, triples_in(graph_))) {
    if (kept.count(std::get<0>(fact)) + kept.count(std::get<2>(fact)) == 2) expected.insert(fact);
  }
  EXPECT_EQ(all_facts(data), expected);
  EXPECT_FALSE(data.split.valid.empty());
  EXPECT_FALSE(data.split.test.empty());
  EXPECT_EQ(all_facts(read(config)), expected);
  config.seed += 1;
  EXPECT_NE(all_facts(read(config)), expected) << "the seed draws the nodes";
}

// The ends of type disease of edges under the relation or its reverse.
std::set<std::int32_t> diseases_of(const kg::Graph& graph, const TripleSet& triples,
                                   std::int32_t relation) {
  std::set<std::int32_t> diseases;
  for (const auto& [r, head, tail] : triples) {
    if (r != relation && r != graph.relations[relation].reverse) continue;
    diseases.insert(graph.node_types[kDisease].contains(head) ? head : tail);
  }
  return diseases;
}

TEST_F(GraphDataTest, HeldOutNodesKeepNoEdgeOfTheSplitsRelations) {
  HgtConfig config = small_config();
  config.split = HgtSplit::nodes;
  config.split_relations = "treats";
  config.split_node_type = "disease";
  config.valid_fraction = 0.2;
  config.test_fraction = 0.3;
  const GraphData data = read(config);
  const kg::Graph& train = data.split.train;
  const std::int32_t treats = kg::find_relation(train, kDrug, "treats", kDisease);
  ASSERT_NE(treats, kg::kNoReverse);

  const auto asked_diseases = [&](const std::vector<kg::Triple>& triples) {
    TripleSet asked;
    for (const kg::Triple& triple : triples) {
      EXPECT_EQ(triple.relation, treats);
      asked.emplace(triple.relation, triple.head, triple.tail);
    }
    return diseases_of(train, asked, treats);
  };
  const TripleSet kept = triples_in(train), before = triples_in(graph_);
  const std::set<std::int32_t> trained = diseases_of(train, kept, treats);
  const std::set<std::int32_t> valid = asked_diseases(data.split.valid);
  const std::set<std::int32_t> test = asked_diseases(data.split.test);
  std::set<std::int32_t> all = trained;
  all.insert(valid.begin(), valid.end());
  all.insert(test.begin(), test.end());
  EXPECT_EQ(all, diseases_of(graph_, before, treats));
  EXPECT_EQ(all.size(), trained.size() + valid.size() + test.size()) << "one is in two parts";
  EXPECT_NEAR(static_cast<double>(valid.size()), 0.2 * static_cast<double>(all.size()), 0.51);
  EXPECT_NEAR(static_cast<double>(test.size()), 0.3 * static_cast<double>(all.size()), 0.51);

  // Twins of what is held out go as well, and nothing else does.
  std::set<std::pair<std::int32_t, std::int32_t>> held;
  for (const auto& [relation, head, tail] : before) {
    if (relation == treats && trained.count(tail) == 0) held.insert(std::minmax(head, tail));
  }
  for (const auto& [relation, head, tail] : before) {
    EXPECT_EQ(kept.count({relation, head, tail}), 1 - held.count(std::minmax(head, tail)));
  }
  EXPECT_EQ(triples_in(data.messages), kept);
  EXPECT_EQ(all_facts(data), named(graph_, triples_in(graph_)));
}

TEST_F(GraphDataTest, RelationsThatAreLearnedAreHeldOutToo) {
  HgtConfig config = small_config();
  const GraphData all = read(config);
  EXPECT_EQ(all.trained_relations,
            kg::primary_relations(graph_, kg::all_relations(all.split.train)));
  config.train_relations = "treats";
  const GraphData data = read(config);
  const std::int32_t treats = kg::find_relation(data.split.train, kDrug, "treats", kDisease);
  EXPECT_EQ(data.trained_relations, std::vector<std::int32_t>{treats});
  EXPECT_TRUE(is_trained(data, treats));
  EXPECT_FALSE(is_trained(data, treats + 1));
  ASSERT_FALSE(data.split.test.empty());
  for (const kg::Triple& triple : data.split.test) EXPECT_EQ(triple.relation, treats);
  EXPECT_EQ(triples_in(data.messages), triples_in(data.split.train)) << "all carry messages";
  EXPECT_EQ(all_facts(data), named(graph_, triples_in(graph_)));
  config.split_relations = "treats";
  EXPECT_EQ(read(config).split.test, data.split.test);
}

TEST_F(GraphDataTest, InductiveTypesAreFoundByName) {
  HgtConfig config = small_config();
  const std::size_t types = graph_.node_types.size();
  const std::vector<bool> none(types, false);
  EXPECT_EQ(inductive_types(config, graph_), none);
  config.inductive_types = "disease,drug";
  std::vector<bool> expected = none;
  expected[kDrug] = expected[kDisease] = true;
  EXPECT_EQ(inductive_types(config, graph_), expected);
  config.messages = HgtMessages::none;
  EXPECT_EQ(inductive_types(config, graph_), none) << "nothing else would tell them apart";
  config.messages = HgtMessages::graph;
  config.node_features = HgtFeatures::ones;
  EXPECT_EQ(inductive_types(config, graph_), none);

  config.node_features = HgtFeatures::learned;
  const auto refusal = [&](const char* types) {
    config.inductive_types = types;
    return message_of_error(ExitCode::usage, [&] { read(config); });
  };
  EXPECT_TRUE(contains(refusal("drug,drugs"), "inductive_types: ")) << refusal("drug,drugs");
  EXPECT_TRUE(contains(refusal("drug,disease,nothing,gene,island"), "are all types of the graph"));
}

TEST_F(GraphDataTest, TypesThatNoLossReadsAreWarnedOf) {
  const auto warnings = [this](const HgtConfig& config) {
    return join(read(config).warnings, "\n");
  };
  const char* untrained = "no relation of train_relations treats has an end of type gene";
  HgtConfig config = small_config();
  config.batch_size = 1;
  EXPECT_FALSE(contains(warnings(config), "has an end of type"));
  config.train_relations = "treats";
  EXPECT_TRUE(contains(warnings(config), untrained)) << warnings(config);
  EXPECT_TRUE(contains(warnings(config), "weights as they were drawn")) << warnings(config);
  EXPECT_FALSE(contains(warnings(config), "drug,")) << "drugs and diseases are its ends";
  config.messages = HgtMessages::none;
  EXPECT_TRUE(contains(warnings(config), untrained)) << warnings(config);
  EXPECT_TRUE(contains(warnings(config), "is what was drawn for them")) << warnings(config);
  config.messages = HgtMessages::graph;
  config.contrastive_weight = 0.5;
  config.contrast_node_type = "gene";
  EXPECT_FALSE(contains(warnings(config), untrained)) << "the contrast reads genes";
}

TEST_F(GraphDataTest, AStepThatHidesAllItsRelationsIsToldOf) {
  const std::int64_t facts = kg::Facts(read(small_config()).split.train).size();
  const auto warnings = [this](const HgtConfig& config) {
    return join(read(config).warnings, "\n");
  };
  HgtConfig config = small_config();
  config.batch_size = facts;
  const std::string all = warnings(config);
  EXPECT_TRUE(contains(all, "no message passes in training")) << all;
  config.batch_size = facts - 1;
  EXPECT_FALSE(contains(warnings(config), "in training")) << warnings(config);
  config.batch_size = facts;
  config.messages = HgtMessages::none;
  EXPECT_FALSE(contains(warnings(config), "in training")) << warnings(config);

  config.messages = HgtMessages::graph;
  config.train_relations = "treats";  // other relations' messages are there
  const GraphData data = read(config);
  EXPECT_FALSE(contains(join(data.warnings, "\n"), "no message passes in training"));
  EXPECT_TRUE(contains(join(data.notes, "\n"), "a step holds all")) << join(data.notes, "\n");
}

TEST_F(GraphDataTest, WhatIsNotLearnedCannotBeHeldOut) {
  HgtConfig config = small_config();
  config.train_relations = "treats";
  config.split_relations = "treats,targets";
  const std::string message = message_of_error(ExitCode::usage, [&] { read(config); });
  EXPECT_TRUE(contains(message, "triples of (drug, targets, gene) are held out")) << message;
  config.train_relations = "treats,targets";
  EXPECT_NO_THROW(read(config));
}

}  // namespace
}  // namespace hgnn_moe::hgt
