// Which triples are known to be true: for filtering candidates and negatives.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/incoming_edges.h"

namespace hgnn_moe::kg {

// Built from `graph` alone it filters what training may know; with the facts that were held out
// it filters candidates of an evaluation. A fact is known in both directions: (h, r, t) and, where
// r has a reverse, (t, reverse of r, h). Takes 8 bytes for each edge of a relation that has
// held-out facts; other relations share the graph's.
class TripleIndex {
 public:
  explicit TripleIndex(const Graph& graph, const std::vector<Triple>& held_out = {});

  bool contains(const Triple& triple) const;
  // The nodes known to be tails of (head, relation), or heads of (relation, tail); ascending.
  Neighbors known_tails(std::int32_t head, std::int32_t relation) const;
  Neighbors known_heads(std::int32_t relation, std::int32_t tail) const;
  // Those known to stand in the place of that end of the triple, its own among them if it is known.
  Neighbors known_at(Side side, const Triple& triple) const;

 private:
  std::vector<std::int32_t> reverses_;   // of each relation
  std::vector<IncomingEdges> incoming_;  // of each relation
  std::vector<IncomingEdges> outgoing_;  // of each relation without a reverse: its edges flipped
};

}  // namespace hgnn_moe::kg
