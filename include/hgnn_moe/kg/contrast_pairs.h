// Nodes of one type that resemble each other: diseases by the genes that they share.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

struct ContrastOptions {
  std::int32_t node_type = 0;
  // Neighbours are counted once, in whichever direction and however many of these join them.
  std::vector<std::int32_t> relations;
  double similarity_threshold = 0.1;
};

struct ContrastPartner {
  std::int32_t node = 0;
  double similarity = 0.0;
};

inline bool operator==(const ContrastPartner& a, const ContrastPartner& b) {
  return a.node == b.node && a.similarity == b.similarity;
}

// The partners of a node are the others of its type whose Jaccard index with it, the size of the
// intersection of their neighbours by that of the union, is above the threshold (which is at least
// 0). Exact and symmetric: nodes that share a neighbour are found through it. They are computed
// when asked for, since a gene of many diseases alone makes more pairs than fit into memory; held
// are two numbers an edge. The graph should be that of training.
class ContrastPairs {
 public:
  ContrastPairs(const Graph& graph, const ContrastOptions& options);

  // The most similar first, then ascending. Safe from several threads.
  std::vector<ContrastPartner> partners_of(std::int32_t node) const;

  // Those that have partners, ascending.
  const std::vector<std::int32_t>& nodes() const { return nodes_; }

 private:
  // Lists of numbers, all in one array: list i is [offsets[i], offsets[i + 1]) of `values`. Each
  // ascends and holds a value once.
  struct Lists {
    std::vector<std::int64_t> offsets;
    std::vector<std::int32_t> values;

    std::int64_t size_of(std::int32_t i) const { return offsets[i + 1] - offsets[i]; }
    const std::int32_t* begin_of(std::int32_t i) const { return values.data() + offsets[i]; }
    const std::int32_t* end_of(std::int32_t i) const { return values.data() + offsets[i + 1]; }
  };
  using Entries = std::vector<std::pair<std::int32_t, std::int32_t>>;  // (list, value)

  static Lists lists_of(Entries entries, std::int32_t count);
  double jaccard(std::int32_t a, std::int32_t b, std::int64_t shared) const;

  double similarity_threshold_;
  NodeType type_;
  Lists neighbors_;  // of each member of the type, by its place in it: nodes
  Lists members_;    // of each node: members that it is a neighbour of
  std::vector<std::int32_t> nodes_;
};

}  // namespace hgnn_moe::kg
