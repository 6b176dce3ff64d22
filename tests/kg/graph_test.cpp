#include "hgnn_moe/kg/graph.h"

#include <functional>

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

#include "hgnn_moe/kg/reverses.h"

namespace hgnn_moe::kg {
namespace {

// Two types of two nodes each, a relation between them and its reverse.
Graph sound_graph() {
  const LoadedGraph loaded = testing::read_csv(testing::kPrimeKgHeader +
                                               "r,r,0,a,t,,s,1,c,u,,s\n"
                                               "r,r,0,b,t,,s,1,d,u,,s\n");
  return with_reverses(loaded.graph).graph;
}

TEST(GraphTest, FindsTheTypeOfANode) {
  Graph graph = sound_graph();
  graph.node_types.insert(graph.node_types.begin() + 1, NodeType{"empty", 2, 0});
  EXPECT_EQ(type_of_node(graph, 0), 0);
  EXPECT_EQ(type_of_node(graph, 1), 0);
  EXPECT_EQ(type_of_node(graph, 2), 2);
  EXPECT_EQ(type_of_node(graph, 3), 2);
}

TEST(GraphTest, FindsRelationsByTheirWholeKey) {
  const Graph graph = sound_graph();
  EXPECT_EQ(find_relation(graph, 0, "r", 1), 0);
  EXPECT_EQ(find_relation(graph, 1, "r", 0), kNoReverse);
  EXPECT_EQ(find_relation(graph, 1, "r_reverse", 0), 1);
}

TEST(GraphTest, FindFaultSeesEveryFault) {
  EXPECT_EQ(find_fault(sound_graph()), "");
  const auto fault_after = [](const std::function<void(Graph&)>& damage) {
    Graph graph = sound_graph();
    damage(graph);
    return find_fault(graph);
  };
  const auto with_edges = [](std::vector<Edge> edges) {
    return SharedArray<Edge>(std::move(edges));
  };
  EXPECT_NE(fault_after([](Graph& g) { g.node_types[1].first = 1; }), "");
  EXPECT_NE(fault_after([](Graph& g) { g.node_types[1].count = 1; }), "");
  EXPECT_NE(fault_after([](Graph& g) { g.sources.clear(); }), "");
  EXPECT_NE(fault_after([](Graph& g) { g.relations[0].tail_type = 2; }), "");
  EXPECT_NE(fault_after([](Graph& g) { g.relations[0].reverse = 0; }), "");
  EXPECT_NE(fault_after([](Graph& g) { g.relations[0].reverse = 5; }), "");
  EXPECT_NE(fault_after([&](Graph& g) { g.relations[0].edges = with_edges({{0, 2}, {0, 4}}); }),
            "");
  EXPECT_NE(fault_after([&](Graph& g) { g.relations[0].edges = with_edges({{0, 3}, {1, 2}}); }),
            "");
  EXPECT_NE(fault_after([&](Graph& g) { g.relations[0].edges = with_edges({{0, 2}, {0, 2}}); }),
            "");
  EXPECT_NE(fault_after([&](Graph& g) { g.relations[0].edges = with_edges({{0, 2}, {0, 3}}); }), "")
      << "the reverse mirrors another relation";
  EXPECT_NE(
      fault_after([](Graph& g) { g.node_ids.offsets = SharedArray<std::int64_t>({0, 1, 2, 3}); }),
      "");
  EXPECT_NE(fault_after([](Graph& g) {
              g.node_names.offsets = SharedArray<std::int64_t>({0, 1, 0, 0, 0});
            }),
            "");
}

}  // namespace
}  // namespace hgnn_moe::kg
