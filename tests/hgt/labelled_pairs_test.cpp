#include "hgnn_moe/hgt/labelled_pairs.h"

#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/kg/sampling_support.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/kg/degree_matched.h"

namespace hgnn_moe::hgt {
namespace {

using kg::testing::make_graph;
using kg::testing::random_graph;
using kg::testing::undirected;
using Pair = std::pair<std::int32_t, std::int32_t>;

constexpr std::uint64_t kSeed = 7;

std::map<SplitPart, std::vector<kg::Edge>> by_part(const LabelledPairs& pairs, bool facts) {
  std::map<SplitPart, std::vector<kg::Edge>> parts;
  for (const LabelledPair& pair : pairs.pairs) {
    if (pair.is_fact == facts) parts[pair.part].push_back(pair.pair);
  }
  return parts;
}

std::set<Pair> set_of(const std::vector<kg::Edge>& edges, bool is_symmetric) {
  std::set<Pair> pairs;
  for (const kg::Edge edge : edges) {
    pairs.insert(is_symmetric ? undirected(edge) : Pair(edge.head, edge.tail));
  }
  return pairs;
}

std::vector<kg::Edge> edges_of(const std::vector<kg::Triple>& triples, std::int32_t relation) {
  std::vector<kg::Edge> edges;
  for (const kg::Triple& triple : triples) {
    if (triple.relation == relation) edges.push_back(kg::edge_of(triple));
  }
  return edges;
}

class LabelledPairsTest : public ::testing::Test {
 protected:
  const kg::Graph graph_ = random_graph(2, 6);
  const kg::Split split_ = kg::split_pairs(graph_, {0.2, 0.3}, kSeed);
  const kg::TripleIndex known_{split_.train, kg::held_out_facts(split_)};
};

TEST_F(LabelledPairsTest, HoldEveryFactInItsPartAndNegativesThatAreNone) {
  for (const HgtNegatives kind : {HgtNegatives::degree_matched, HgtNegatives::uniform}) {
    for (std::int32_t r = 0; r < static_cast<std::int32_t>(graph_.relations.size()); ++r) {
      SCOPED_TRACE(kg::relation_title(graph_, graph_.relations[r]));
      if (graph_.relations[r].edges.size() == 0) continue;
      const bool is_symmetric = graph_.relations[r].reverse == r;
      const LabelledPairs pairs = labelled_pairs(split_, r, {kind, 2, kSeed});
      std::vector<kg::Edge> all;
      for (const auto& [part, facts] : by_part(pairs, true)) {
        all.insert(all.end(), facts.begin(), facts.end());
      }
      const kg::Relation& relation = graph_.relations[r];
      const std::vector<kg::Edge> edges(relation.edges.begin(), relation.edges.end());
      EXPECT_EQ(set_of(all, is_symmetric), set_of(edges, is_symmetric));
      EXPECT_EQ(all.size(), set_of(all, is_symmetric).size()) << "a fact stands twice";

      std::vector<kg::Edge> negatives;
      for (const auto& [part, of_part] : by_part(pairs, false)) {
        negatives.insert(negatives.end(), of_part.begin(), of_part.end());
      }
      EXPECT_EQ(negatives.size(), set_of(negatives, is_symmetric).size()) << "in two parts";
      for (const kg::Edge pair : negatives) {
        EXPECT_FALSE(known_.contains({pair.head, r, pair.tail}));
      }
      EXPECT_EQ(pairs.negatives() + pairs.missing, 2 * pairs.facts());
      EXPECT_EQ(static_cast<std::int64_t>(negatives.size()), pairs.negatives());
    }
  }
}

TEST_F(LabelledPairsTest, ThoseOfTheTestAreWhatAnEvaluationMeasures) {
  const std::int32_t targets = 5;
  const std::vector<kg::Edge> facts = edges_of(split_.test, targets);
  const LabelledPairs pairs =
      labelled_pairs(split_, targets, {HgtNegatives::degree_matched, 1, kSeed});
  EXPECT_EQ(by_part(pairs, true).at(SplitPart::test), facts);
  EXPECT_EQ(by_part(pairs, true).at(SplitPart::valid), edges_of(split_.valid, targets));
  const auto matched = kg::degree_matched_negatives(split_.train, targets, facts, known_, kSeed);
  ASSERT_EQ(matched.without, 0);
  EXPECT_EQ(by_part(pairs, false).at(SplitPart::test), matched.pairs);
}

TEST_F(LabelledPairsTest, AReverseHasTheSameFactsFlipped) {
  std::int32_t reverse = kg::kNoReverse;
  for (std::int32_t r = 0; r < static_cast<std::int32_t>(graph_.relations.size()); ++r) {
    const kg::Relation& relation = graph_.relations[r];
    if (!kg::is_primary(graph_, r) && relation.edges.size() > 0) reverse = r;
  }
  ASSERT_NE(reverse, kg::kNoReverse);
  const PairNegatives none{HgtNegatives::uniform, 0, kSeed};
  const auto flipped = by_part(labelled_pairs(split_, reverse, none), true);
  const auto primary =
      by_part(labelled_pairs(split_, graph_.relations[reverse].reverse, none), true);
  ASSERT_EQ(flipped.size(), 3u);
  for (const auto& [part, facts] : flipped) {
    std::vector<kg::Edge> back;
    for (const kg::Edge edge : facts) back.push_back(kg::flipped(edge));
    EXPECT_EQ(set_of(back, false), set_of(primary.at(part), false));
  }
}

TEST_F(LabelledPairsTest, NegativesFollowTheirFact) {
  const LabelledPairs pairs = labelled_pairs(split_, 5, {HgtNegatives::uniform, 3, kSeed});
  ASSERT_EQ(pairs.missing, 0);
  for (std::size_t i = 0; i < pairs.pairs.size(); ++i) {
    const LabelledPair& fact = pairs.pairs[i - i % 4];
    EXPECT_EQ(pairs.pairs[i].is_fact, i % 4 == 0);
    EXPECT_EQ(pairs.pairs[i].pair.head, fact.pair.head);
    EXPECT_EQ(pairs.pairs[i].part, fact.part);
  }
}

TEST(LabelledPairs, WhatIsMissingIsCounted) {
  kg::Split split;
  split.train =
      make_graph({{"a", 1}, {"b", 3}}, {{0, "r", 1, kg::Direction::directed, {{0, 1}, {0, 2}}},
                                        {0, "s", 1, kg::Direction::directed, {}}});
  for (const HgtNegatives kind : {HgtNegatives::degree_matched, HgtNegatives::uniform}) {
    const LabelledPairs pairs = labelled_pairs(split, 0, {kind, 2, kSeed});
    EXPECT_EQ(pairs.facts(), 2);
    EXPECT_EQ(pairs.negatives(), 1);
    EXPECT_EQ(pairs.missing, 3);
  }
  EXPECT_TRUE(contains(message_of_error(ExitCode::usage, [&] { labelled_pairs(split, 1, {}); }),
                       "(a, s, b) has no facts"));
}

TEST(LabelledPairs, ARelationIsNamedOnce) {
  const kg::Graph graph = make_graph(
      {{"a", 1}, {"b", 3}},
      {{0, "r", 1, kg::Direction::directed, {}}, {1, "r", 1, kg::Direction::directed, {}}});
  EXPECT_EQ(find_pair_relation(graph, "(b, r, b)"), 1);
  EXPECT_TRUE(contains(message_of_error(ExitCode::usage, [&] { find_pair_relation(graph, "r"); }),
                       "relation 'r' has several meanings; give one of (a, r, b), (b, r, b)"));
  EXPECT_TRUE(contains(message_of_error(ExitCode::usage, [&] { find_pair_relation(graph, "x"); }),
                       "no relation 'x'"));
}

TEST(LabelledPairs, AreWrittenWithTheIdsOfEmbeddingFiles) {
  const TemporaryFolder folder;
  kg::Graph graph =
      make_graph({{"a, b", 1}, {"c", 2}}, {{0, "r", 1, kg::Direction::directed, {{0, 1}}}});
  graph.node_ids = kg::testing::texts_of({"x\"1", "5", "5"});
  graph.sources = {"S", "T"};
  graph.node_sources = kg::SharedArray<std::int32_t>(std::vector<std::int32_t>{0, 0, 1});
  LabelledPairs pairs;
  pairs.kind = HgtNegatives::uniform;
  pairs.pairs = {{{0, 1}, SplitPart::valid, true}, {{0, 2}, SplitPart::valid, false}};
  write_pairs(folder / "pairs.csv", pairs, graph);
  EXPECT_EQ(read_text_file(folder / "pairs.csv", ExitCode::data),
            "head_id,head_type,tail_id,tail_type,label,part,kind\n"
            "\"x\"\"1\",\"a, b\",S:5,c,1,valid,fact\n"
            "\"x\"\"1\",\"a, b\",T:5,c,0,valid,uniform\n");
}

}  // namespace
}  // namespace hgnn_moe::hgt
