#include "hgnn_moe/kg/split.h"

#include <cmath>
#include <iterator>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"
#include "tests/kg/sampling_support.h"

#include "hgnn_moe/kg/find_node.h"
#include "hgnn_moe/kg/find_relations.h"

namespace hgnn_moe::kg {
namespace {

using testing::add_fact;
using testing::kDisease;
using testing::make_graph;
using testing::random_graph;
using testing::triples_in;
using testing::TripleSet;
using testing::undirected;

using Pair = std::pair<std::int32_t, std::int32_t>;

std::set<Pair> pairs_of(const std::vector<Triple>& facts) {
  std::set<Pair> pairs;
  for (const Triple& fact : facts) pairs.insert(undirected(edge_of(fact)));
  return pairs;
}

std::set<Pair> pairs_of(const Graph& graph) {
  std::set<Pair> pairs;
  for (const Relation& relation : graph.relations) {
    for (const Edge& edge : relation.edges) pairs.insert(undirected(edge));
  }
  return pairs;
}

template <typename T>
std::set<T> common(const std::set<T>& a, const std::set<T>& b) {
  std::set<T> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
  return both;
}

// What must hold of any split of a graph by pairs.
void expect_no_leak(const Graph& graph, const Split& split) {
  EXPECT_EQ(find_fault(split.train), "");
  const std::set<Pair> train = pairs_of(split.train);
  EXPECT_TRUE(common(train, pairs_of(split.valid)).empty());
  EXPECT_TRUE(common(train, pairs_of(split.test)).empty());
  EXPECT_TRUE(common(pairs_of(split.valid), pairs_of(split.test)).empty());

  TripleSet all = triples_in(split.train);
  for (const Triple& fact : held_out_facts(split)) {
    EXPECT_TRUE(is_primary(graph, fact.relation, edge_of(fact)));
    EXPECT_EQ(all.count({fact.relation, fact.head, fact.tail}), 0u) << "in two parts or twice";
    add_fact(graph, fact, all);
  }
  EXPECT_EQ(all, triples_in(graph)) << "nothing is lost and nothing made up";

  ASSERT_EQ(split.counts.size(), graph.relations.size());
  std::int64_t facts = 0, valid = 0, test = 0, beside = 0;
  for (const PartCounts& counts : split.counts) {
    facts += counts.train + counts.valid + counts.test + counts.beside;
    valid += counts.valid;
    test += counts.test;
    beside += counts.beside;
  }
  EXPECT_EQ(facts, Facts(graph).size());
  EXPECT_EQ(valid, static_cast<std::int64_t>(split.valid.size()));
  EXPECT_EQ(test, static_cast<std::int64_t>(split.test.size()));
  EXPECT_EQ(beside, static_cast<std::int64_t>(split.beside.size()));
  EXPECT_EQ(split.joined_in_training, 0);
}

// Those that were not named are held out, but not asked for.
void expect_asked(const Split& split, const std::set<std::int32_t>& relations) {
  for (const auto* part : {&split.valid, &split.test}) {
    for (const Triple& fact : *part) EXPECT_EQ(relations.count(fact.relation), 1u);
  }
  for (const Triple& fact : split.beside) EXPECT_EQ(relations.count(fact.relation), 0u);
}

TEST(SplitPairsTest, NoPairIsInTwoParts) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Graph graph = random_graph(seed);
    const Split split = split_pairs(graph, {0.2, 0.3}, seed);
    expect_no_leak(graph, split);
    EXPECT_FALSE(split.valid.empty());
    EXPECT_FALSE(split.test.empty());
  }
}

TEST(SplitPairsTest, HoldsOutTheFractions) {
  const Graph graph = random_graph(5, 50);
  const Split split = split_pairs(graph, {0.1, 0.25}, 3);
  const auto pairs = static_cast<double>(pairs_of(graph).size());
  const auto expect_share = [&](const std::vector<Triple>& facts, double fraction) {
    const double deviation = std::sqrt(pairs * fraction * (1 - fraction));
    EXPECT_NEAR(static_cast<double>(pairs_of(facts).size()), pairs * fraction, 5 * deviation);
  };
  expect_share(split.valid, 0.1);
  expect_share(split.test, 0.25);
  const Split none = split_pairs(graph, {0, 0}, 3);
  EXPECT_TRUE(held_out_facts(none).empty());
  EXPECT_EQ(none.train.relations[0].edges.data(), graph.relations[0].edges.data()) << "shared";
}

TEST(SplitPairsTest, DependsOnTheSeedAndThePairAlone) {
  const Graph graph = random_graph(5, 10);
  const Split split = split_pairs(graph, {0.2, 0.2}, 3);
  EXPECT_EQ(split_pairs(graph, {0.2, 0.2}, 3).test, split.test);
  EXPECT_NE(split_pairs(graph, {0.2, 0.2}, 4).test, split.test);

  // A graph of half the relations: what is left has the parts that it had.
  Graph half = graph;
  half.relations.clear();
  for (const Relation& relation : graph.relations) {
    if (relation.name.substr(0, 7) != "targets") half.relations.push_back(relation);
    half.relations.back().reverse = kNoReverse;
  }
  const std::set<Pair> test = pairs_of(split.test);
  const std::set<Pair> test_of_half = pairs_of(split_pairs(half, {0.2, 0.2}, 3).test);
  EXPECT_EQ(test_of_half, common(test, pairs_of(half)));
  EXPECT_GT(test_of_half.size(), 10u);
}

// Frozen, and computed by an independent implementation of Philox: another split would let a run
// that is resumed by a later build train on what it is measured by.
TEST(SplitPairsTest, Golden) {
  std::vector<Edge> edges;
  for (std::int32_t node = 1; node <= 12; ++node) edges.push_back({node, 0});
  const Graph graph = make_graph({{"a", 13}}, {{0, "r", 0, Direction::directed, edges}});
  const Split split = split_pairs(graph, {0.3, 0.3}, 42);
  const auto heads = [](const std::vector<Triple>& facts) {
    std::vector<std::int32_t> nodes;
    for (const Triple& fact : facts) nodes.push_back(fact.head);
    return nodes;
  };
  EXPECT_EQ(heads(split.test), (std::vector<std::int32_t>{2, 3, 4, 5, 6, 10, 12}));
  EXPECT_EQ(heads(split.valid), (std::vector<std::int32_t>{7, 8}));
}

TEST(SplitPairsTest, EveryRelationKeepsAnEdgeToTrainOn) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    // "rare" has one edge, twice over as "rare twin"; most pairs are held out.
    const Graph graph =
        with_reverses(make_graph({{"a", 4}, {"b", 4}},
                                 {{0, "rare", 1, Direction::undirected, {{0, 4}}},
                                  {1, "rare twin", 0, Direction::directed, {{4, 0}}},
                                  {0, "few", 1, Direction::undirected, {{1, 4}, {1, 5}, {2, 6}}}}))
            .graph;
    const Split split = split_pairs(graph, {0.4, 0.5}, seed);
    for (const Relation& relation : split.train.relations) EXPECT_GE(relation.edges.size(), 1u);
    expect_no_leak(graph, split);
  }
}

TEST(SplitPairsTest, OfNamedRelationsHoldsOutTheirPairsWithAllTheirEdges) {
  const Graph graph = random_graph(8);
  const std::vector<std::int32_t> treats = find_relations(graph, "treats");
  ASSERT_EQ(treats, (std::vector<std::int32_t>{0}));
  const Split split = split_pairs(graph, {0.2, 0.4}, 1, treats);
  expect_no_leak(graph, split);
  std::set<Pair> treated;
  for (const Edge& edge : graph.relations[0].edges) treated.insert(undirected(edge));
  const std::set<Pair> held = pairs_of(held_out_facts(split));
  EXPECT_EQ(common(held, treated), held);
  EXPECT_EQ(split.counts[5].test + split.counts[5].valid, 0) << "no drug and gene";
  EXPECT_GT(split.counts[1].beside, 0) << "twins of treatments go with them";
  expect_asked(split, {0});
  EXPECT_FALSE(split.test.empty());
}

TEST(SplitPairsTest, RefusesFractionsThatLeaveNothing) {
  const Graph graph = random_graph(1);
  for (const SplitFractions& fractions :
       {SplitFractions{0.5, 0.5}, SplitFractions{-0.1, 0.2}, SplitFractions{0.2, NAN}}) {
    const std::string message =
        message_of_error(ExitCode::usage, [&] { split_pairs(graph, fractions, 1); });
    EXPECT_TRUE(contains(message, "sum below 1")) << message;
  }
}

TEST(SplitNodesTest, NothingIsKnownOfHowAHeldOutDiseaseIsTreated) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    const Graph graph = random_graph(seed);
    const std::vector<std::int32_t> relations = {0, 1};  // treats, palliates
    const Split split = split_nodes(graph, kDisease, relations, {0.2, 0.4}, seed);
    expect_no_leak(graph, split);
    const NodeType& diseases = graph.node_types[kDisease];
    std::map<std::int32_t, std::set<int>> parts;  // of each disease's treatments
    const auto note = [&](const Triple& triple, int part) {
      if (triple.relation <= 1) parts[triple.tail].insert(part);
    };
    for (const std::int32_t r : relations) {
      for (const Edge& e : split.train.relations[r].edges) note({e.head, r, e.tail}, 0);
    }
    for (const Triple& fact : split.valid) note(fact, 1);
    for (const Triple& fact : split.test) note(fact, 2);
    std::map<int, int> diseases_in;
    for (const auto& [disease, in] : parts) {
      EXPECT_TRUE(diseases.contains(disease));
      EXPECT_EQ(in.size(), 1u) << "disease " << disease << " is in several parts";
      ++diseases_in[*in.begin()];
    }
    const auto count = static_cast<double>(parts.size());
    EXPECT_EQ(diseases_in[2], std::lround(0.4 * count));
    EXPECT_EQ(diseases_in[1], std::lround(0.2 * count));
    expect_asked(split, {0, 1});
    for (const Triple& fact : held_out_facts(split)) {
      EXPECT_LE(fact.relation, 2) << "only pairs of drugs and diseases";
    }
  }
}

TEST(SplitNodesTest, HoldsOutOneAtLeastAndNoMoreThanThereAre) {
  const Graph graph =
      with_reverses(make_graph({{"drug", 2}, {"disease", 3}},
                               {{0, "treats", 1, Direction::undirected, {{0, 2}, {1, 2}}}}))
          .graph;
  const Split split = split_nodes(graph, 1, {0}, {0.01, 0.01}, 1);
  EXPECT_EQ(split.test.size(), 2u) << "the one disease that is treated";
  EXPECT_TRUE(split.valid.empty());
  EXPECT_TRUE(split.train.relations[0].edges.empty()) << "no edge comes back";
  const std::string message =
      message_of_error(ExitCode::usage, [&] { split_nodes(graph, 1, {}, {0.1, 0.1}, 1); });
  EXPECT_TRUE(contains(message, "disease")) << message;
}

TEST(SplitOfFilesTest, TheFilesAreTheParts) {
  const std::vector<LoadedGraph> parts =
      read_triples({{"a\tr\tb\nb\tr\tc\nc\tq\ta\n", "some/train.txt"},
                    {"b\tr\ta\nd\tr\ta\n", "some/valid.txt"},
                    {"d\tq\td\n", "some/test.txt"}});
  const Split split = split_of_files(parts);
  EXPECT_EQ(find_fault(split.train), "");
  EXPECT_EQ(split.train.relations.size(), 4u) << "two reverses are added";
  EXPECT_EQ(Facts(split.train).size(), 3);
  ASSERT_EQ(split.valid.size(), 2u);
  ASSERT_EQ(split.test.size(), 1u);
  EXPECT_EQ(split.test[0].head, split.test[0].tail);
  EXPECT_EQ(split.train.relations[split.test[0].relation].name, "q");
  EXPECT_EQ(split.joined_in_training, 1) << "b r a repeats a r b the other way";
  EXPECT_EQ(split.counts[0].train, 2);
  EXPECT_EQ(split.counts[0].valid, 2);
  EXPECT_TRUE(contains(to_table(split), "1 of 3 held-out facts join nodes")) << to_table(split);

  const Split without = split_of_files({parts[0], parts[2]});
  EXPECT_TRUE(without.valid.empty());
  EXPECT_EQ(without.test, split.test) << "a part is known by its file, not by its place";
}

TEST(SplitOfFilesTest, WhatIsHeldOutIsAskedForAsItIsTrained) {
  // Each of the two relations is the other's reverse, so training knows one of them alone.
  const Split split = split_of_files(
      read_triples({{"a\tq\tb\nb\tq\tc\nb\tq_reverse\ta\nc\tq_reverse\tb\n", "some/train.txt"},
                    {"a\tq_reverse\tc\n", "some/test.txt"}}));
  const std::int32_t trained = find_relations(split.train, "q").at(0);
  ASSERT_EQ(split.train.relations.size(), 2u);
  ASSERT_TRUE(is_primary(split.train, trained));
  ASSERT_EQ(split.test.size(), 1u);
  const std::int32_t a = find_node(split.train, "a"), c = find_node(split.train, "c");
  EXPECT_EQ(split.test[0], (Triple{c, trained, a}));
}

TEST(SplitTableTest, GivesFactsByRelation) {
  const Graph graph = random_graph(8);
  const Split split = split_pairs(graph, {0.2, 0.4}, 1);
  const std::string table = to_table(split);
  const PartCounts& treats = split.counts[0];
  EXPECT_TRUE(contains(table, fmt::format("{:>10} {:>10} {:>10} {:>10}  (drug, treats, disease)\n",
                                          treats.train, treats.valid, treats.test, 0)))
      << table;
  EXPECT_TRUE(contains(table, "all relations\n"));
  EXPECT_FALSE(contains(table, "unknown")) << "no line without facts";
  EXPECT_FALSE(contains(table, "_reverse"));
}

TEST(FindRelationsTest, ByNameOrTitle) {
  const Graph graph =
      make_graph({{"drug", 1}, {"gene", 1}},
                 {{0, "has", 1, {}, {}}, {1, "has", 0, {}, {}}, {0, "takes", 1, {}, {}}});
  EXPECT_EQ(find_relations(graph, "has"), (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(find_relations(graph, "(gene, has, drug)"), (std::vector<std::int32_t>{1}));
  const auto message = [&](const char* text) {
    return message_of_error(ExitCode::usage, [&] { find_relations(graph, text); });
  };
  EXPECT_TRUE(contains(message("take"), "did you mean takes?"));
  EXPECT_TRUE(contains(message("(gene, hsa, drug)"), "did you mean (gene, has, drug)?"));
  EXPECT_TRUE(contains(message("inhibits"), "it has has, takes"));
}

TEST(FindRelationsTest, HetionetsAbbreviationsStandForTitles) {
  const Graph graph =
      make_graph({{"Compound", 1}, {"Disease", 1}, {"Gene", 1}}, {{0, "treats", 1, {}, {}},
                                                                  {0, "binds", 2, {}, {}},
                                                                  {2, "binds", 0, {}, {}},
                                                                  {0, "CpD", 1, {}, {}}});
  EXPECT_EQ(find_relations(graph, "CtD"), (std::vector<std::int32_t>{0}));
  EXPECT_EQ(find_relations(graph, "CbG"), (std::vector<std::int32_t>{1})) << "not the other binds";
  EXPECT_EQ(find_relations(graph, "CpD"), (std::vector<std::int32_t>{3})) << "its very name";
  const std::string message =
      message_of_error(ExitCode::usage, [&] { find_relations(graph, "DaG"); });
  EXPECT_TRUE(contains(message, "the graph has no relation 'DaG'")) << message;
}

}  // namespace
}  // namespace hgnn_moe::kg
