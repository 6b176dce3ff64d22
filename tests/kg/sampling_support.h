// Graphs for the tests of splits and samplers, and blocks as plain edges.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hgnn_moe/kg/block.h"
#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/reverses.h"

namespace hgnn_moe::kg::testing {

struct RelationSpec {
  std::int32_t head_type = 0;
  std::string name;
  std::int32_t tail_type = 0;
  Direction direction = Direction::undirected;
  std::vector<Edge> edges;  // in any order, also repeated
};

inline TextArray texts_of(const std::vector<std::string>& texts) {
  std::vector<std::int64_t> offsets{0};
  std::vector<char> bytes;
  for (const std::string& text : texts) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
  }
  return {SharedArray<std::int64_t>(std::move(offsets)), SharedArray<char>(std::move(bytes))};
}

// Without reverses. Node n has the id "id<n>" and the name "Node <n>".
inline Graph make_graph(const std::vector<std::pair<std::string, std::int32_t>>& types,
                        const std::vector<RelationSpec>& relations) {
  Graph graph;
  std::vector<std::string> ids, names;
  for (const auto& [name, count] : types) {
    graph.node_types.push_back({name, static_cast<std::int32_t>(ids.size()), count});
    for (std::int32_t i = 0; i < count; ++i) {
      names.push_back("Node " + std::to_string(ids.size()));
      ids.push_back("id" + std::to_string(ids.size()));
    }
  }
  graph.sources = {"test"};
  graph.node_sources = SharedArray<std::int32_t>(std::vector<std::int32_t>(ids.size(), 0));
  graph.node_ids = texts_of(ids);
  graph.node_names = texts_of(names);
  for (RelationSpec spec : relations) {
    std::sort(spec.edges.begin(), spec.edges.end());
    spec.edges.erase(std::unique(spec.edges.begin(), spec.edges.end()), spec.edges.end());
    graph.relations.push_back({spec.head_type, spec.name, spec.tail_type, spec.direction,
                               kNoReverse, SharedArray<Edge>(std::move(spec.edges))});
  }
  return graph;
}

// `count` draws, of which some repeat; low numbers are ends more often.
inline std::vector<Edge> random_edges(const NodeType& heads, const NodeType& tails, int count,
                                      std::mt19937& random) {
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  const auto draw = [&](const NodeType& type) {
    const double skewed = uniform(random) * std::sqrt(uniform(random));
    return type.first + static_cast<std::int32_t>(skewed * type.count);
  };
  std::vector<Edge> edges;
  for (int i = 0; i < count; ++i) {
    const std::int32_t head = draw(heads);
    edges.push_back({head, draw(tails)});
  }
  return edges;
}

// Twins between the same types, self-loops, directed and symmetric relations, one without edges, a
// type without nodes and one without edges. With reverses.
enum RandomTypes : std::int32_t { kDrug, kDisease, kNothing, kGene, kIsland };

inline Graph random_graph(unsigned seed, int scale = 1) {
  std::mt19937 random(seed);
  const std::vector<std::pair<std::string, std::int32_t>> types = {{"drug", 14 * scale},
                                                                   {"disease", 9 * scale},
                                                                   {"nothing", 0},
                                                                   {"gene", 20 * scale},
                                                                   {"island", 3}};
  const Graph shell = make_graph(types, {});
  const auto spec = [&](std::int32_t head, const char* name, std::int32_t tail, Direction direction,
                        int edges) {
    return RelationSpec{
        head, name, tail, direction,
        random_edges(shell.node_types[head], shell.node_types[tail], edges * scale, random)};
  };
  const Graph graph =
      make_graph(types, {spec(kDrug, "treats", kDisease, Direction::undirected, 40),
                         spec(kDrug, "palliates", kDisease, Direction::undirected, 25),
                         spec(kDisease, "caused by", kDrug, Direction::directed, 15),
                         spec(kGene, "interacts", kGene, Direction::undirected, 60),
                         spec(kGene, "regulates", kGene, Direction::directed, 30),
                         spec(kDrug, "targets", kGene, Direction::undirected, 70),
                         spec(kDisease, "associates", kGene, Direction::undirected, 50),
                         spec(kDrug, "unknown", kNothing, Direction::undirected, 0)});
  return with_reverses(graph).graph;
}

inline std::pair<std::int32_t, std::int32_t> undirected(Edge edge) {
  return std::minmax(edge.head, edge.tail);
}

// (relation, head, tail)
using TripleSet = std::set<std::tuple<std::int32_t, std::int32_t, std::int32_t>>;

inline TripleSet triples_in(const Graph& graph) {
  TripleSet triples;
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    for (const Edge& edge : graph.relations[r].edges) {
      triples.emplace(static_cast<std::int32_t>(r), edge.head, edge.tail);
    }
  }
  return triples;
}

// The triple and what its reverse says.
inline void add_fact(const Graph& graph, const Triple& fact, TripleSet& triples) {
  triples.emplace(fact.relation, fact.head, fact.tail);
  const std::int32_t reverse = graph.relations[fact.relation].reverse;
  if (reverse != kNoReverse) triples.emplace(reverse, fact.tail, fact.head);
}

// The block's edges by node numbers; fails where the block breaks what block.h promises.
inline TripleSet triples_in(const Block& block) {
  const auto ascends = [](const std::vector<std::int32_t>& list) {
    return std::adjacent_find(list.begin(), list.end(), std::greater_equal<>()) == list.end();
  };
  EXPECT_TRUE(ascends(block.sources));
  EXPECT_TRUE(ascends(block.destinations));
  TripleSet triples;
  std::int32_t previous = -1;
  for (const BlockEdges& edges : block.relations) {
    EXPECT_GT(edges.relation, previous);
    previous = edges.relation;
    EXPECT_FALSE(edges.heads.empty());
    EXPECT_EQ(edges.heads.size(), edges.tails.size());
    for (std::size_t i = 0; i < edges.heads.size(); ++i) {
      const std::int32_t tail = block.sources.at(block.destinations.at(edges.tails[i]));
      triples.emplace(edges.relation, block.sources.at(edges.heads[i]), tail);
      if (i == 0) continue;
      EXPECT_LT(std::pair(edges.tails[i - 1], edges.heads[i - 1]),
                std::pair(edges.tails[i], edges.heads[i]));
    }
  }
  return triples;
}

// Pearson's statistic of counts that should all be equal.
template <typename Counts>
double chi_square(const Counts& counts) {
  double sum = 0;
  for (const auto& [what, count] : counts) sum += count;
  const double expected = sum / static_cast<double>(counts.size());
  double statistic = 0;
  for (const auto& [what, count] : counts) {
    statistic += (count - expected) * (count - expected) / expected;
  }
  return statistic;
}

// What chi_square exceeds once in 100,000 times (Wilson and Hilferty's approximation).
inline double chi_square_bound(std::size_t cells) {
  const double freedom = static_cast<double>(cells) - 1;
  const double root = 1 - 2 / (9 * freedom) + 4.265 * std::sqrt(2 / (9 * freedom));
  return freedom * root * root * root;
}

}  // namespace hgnn_moe::kg::testing
