#include "hgnn_moe/kg/limit_nodes.h"

#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

#include "hgnn_moe/kg/generate.h"
#include "hgnn_moe/kg/reverses.h"

namespace hgnn_moe::kg {
namespace {

using testing::edges_of;
using testing::nodes_of;

Graph generated() {
  return read_primekg(
             {collected([](const TextSink& sink) { generate_primekg(0.01, 7, sink); }), "kg.csv"})
      .graph;
}

TEST(LimitNodesTest, IsTheSubgraphInducedByItsNodes) {
  const Graph graph = with_reverses(generated()).graph;
  const LimitedGraph limited = limit_nodes(graph, 300, 1);
  EXPECT_EQ(find_fault(limited.graph), "") << "reverses too";
  EXPECT_EQ(limited.graph.node_count(), 300);

  const std::vector<std::string> all_nodes = nodes_of(graph);
  const std::vector<std::string> kept_nodes = nodes_of(limited.graph);
  const std::set<std::string> kept(kept_nodes.begin(), kept_nodes.end());
  EXPECT_EQ(kept.size(), 300u);
  std::multiset<std::string> expected, actual;
  for (const Relation& relation : graph.relations) {
    for (const Edge& edge : relation.edges) {
      const std::string& head = all_nodes[edge.head];
      const std::string& tail = all_nodes[edge.tail];
      if (kept.count(head) + kept.count(tail) == 2) {
        expected.insert(relation_title(graph, relation) + head + tail);
      }
    }
  }
  for (const Relation& relation : limited.graph.relations) {
    for (const Edge& edge : relation.edges) {
      actual.insert(relation_title(limited.graph, relation) + kept_nodes[edge.head] +
                    kept_nodes[edge.tail]);
    }
  }
  EXPECT_EQ(actual, expected);
}

TEST(LimitNodesTest, KeepsTypesInProportion) {
  const Graph graph = generated();
  const LimitedGraph limited = limit_nodes(graph, 300, 1);
  for (std::size_t t = 0; t < graph.node_types.size(); ++t) {
    const double share = 300.0 * graph.node_types[t].count / graph.node_count();
    EXPECT_NEAR(limited.graph.node_types[t].count, share, 1.0) << graph.node_types[t].name;
    EXPECT_GE(limited.graph.node_types[t].count, 1);
    EXPECT_EQ(limited.report.nodes_dropped[t],
              graph.node_types[t].count - limited.graph.node_types[t].count);
  }
  const LimitedGraph ten = limit_nodes(graph, 10, 1);
  for (const NodeType& type : ten.graph.node_types) EXPECT_EQ(type.count, 1) << type.name;
  EXPECT_EQ(limit_nodes(graph, 3, 1).graph.node_count(), 3);
}

TEST(LimitNodesTest, PrefersNodesWithEdges) {
  const Graph graph = generated();
  std::int64_t isolated = 0;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const LimitReport report = limit_nodes(graph, 300, seed).report;
    isolated += report.isolated_after;
    EXPECT_GT(report.edges_after, graph.edge_count() / 15)
        << "300 of 1,294 nodes drawn evenly would keep one edge in 19";
  }
  EXPECT_LT(isolated, 20) << "drawn once, without counting edges between nodes that stay: 42";

  // Of a thousand nodes, the two with an edge stay.
  std::string nodes = "id\tname\tkind\n";
  for (int i = 0; i < 1000; ++i) nodes += fmt::format("n{}\t\tGene\n", i);
  const Graph lonely =
      read_hetionet({nodes, "nodes.tsv"}, {"source\tmetaedge\ttarget\nn500\tGiG\tn700\n", "e"})
          .graph;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(limit_nodes(lonely, 3, seed).report.edges_after, 1);
  }
}

TEST(LimitNodesTest, NodesWithoutEdgesComeLastAmongAllTypes) {
  std::string nodes = "id\tname\tkind\n";
  for (const char* kind : {"Gene", "Symptom"}) {
    for (int i = 0; i < 4; ++i) nodes += fmt::format("{}{}\t\t{}\n", kind, i, kind);
  }
  const Graph graph =
      read_hetionet({nodes, "nodes.tsv"},
                    {"source\tmetaedge\ttarget\nGene0\tGiG\tGene1\nGene2\tGiG\tGene3\n", "e"})
          .graph;
  const auto kept = [&](std::int64_t max_nodes) {
    const Graph limited = limit_nodes(graph, max_nodes, 1).graph;
    return std::pair(limited.node_types[0].count, limited.node_types[1].count);
  };
  EXPECT_EQ(kept(3), std::pair(3, 0));
  EXPECT_EQ(kept(4), std::pair(4, 0));
  EXPECT_EQ(kept(5), std::pair(4, 1));
}

TEST(LimitNodesTest, DependsOnTheSeedAlone) {
  const Graph graph = generated();
  const std::string first = testing::dump(limit_nodes(graph, 200, 1).graph);
  EXPECT_EQ(testing::dump(limit_nodes(graph, 200, 1).graph), first);
  EXPECT_NE(testing::dump(limit_nodes(graph, 200, 2).graph), first);
}

TEST(LimitNodesTest, ASmallGraphStays) {
  const Graph graph = testing::read_tsv("a\tr\tb\nc\tr\ta\n").graph;
  const LimitedGraph limited = limit_nodes(graph, 3, 1);
  EXPECT_EQ(testing::dump(limited.graph), testing::dump(graph));
  EXPECT_EQ(limited.report.edges_after, 2);
}

TEST(LimitNodesTest, SaysWhatIsDropped) {
  const Graph graph = testing::read_tsv("a\tr\tb\nc\tq\td\n").graph;
  const std::string text = to_text(limit_nodes(graph, 2, 1));
  EXPECT_TRUE(contains(text, "2 of 4 nodes and ")) << text;
  EXPECT_TRUE(contains(text, "2 nodes of type entity dropped, 2 kept")) << text;
  EXPECT_TRUE(contains(text, "1 edges of (entity, ")) << text;
}

}  // namespace
}  // namespace hgnn_moe::kg
