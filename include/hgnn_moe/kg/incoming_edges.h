// The edges of a relation by their tails: rows of a compressed sparse matrix.
#pragma once

#include <cstdint>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

// The heads of neighbouring edges that share a tail, ascending. Valid as long as the edges are.
class Neighbors {
 public:
  Neighbors() = default;
  Neighbors(const Edge* first, const Edge* last) : first_(first), last_(last) {}

  std::int64_t size() const { return last_ - first_; }
  std::int32_t operator[](std::int64_t index) const { return first_[index].head; }

  static constexpr std::int64_t kNowhere = -1;
  std::int64_t find(std::int32_t node) const;  // its index, or kNowhere
  bool contains(std::int32_t node) const { return find(node) != kNowhere; }

 private:
  const Edge* first_ = nullptr;
  const Edge* last_ = nullptr;
};

// Edges are sorted by tail, so one offset a tail finds them: 4 bytes for each node of its type.
// Copies share all of it.
class IncomingEdges {
 public:
  IncomingEdges() = default;
  // `edges` as in Relation; their tails are nodes of `tails`.
  IncomingEdges(SharedArray<Edge> edges, const NodeType& tails);

  // Empty for a node that is not of the tails' type.
  Neighbors heads_of(std::int32_t tail) const;
  const SharedArray<Edge>& edges() const { return edges_; }

 private:
  SharedArray<Edge> edges_;
  std::int32_t first_tail_ = 0;
  SharedArray<std::int32_t> offsets_;  // none where there are no edges
};

}  // namespace hgnn_moe::kg
