#include "hgnn_moe/kg/triple_index.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "hgnn_moe/base/sort_unique.h"
#include "hgnn_moe/kg/reverses.h"

namespace hgnn_moe::kg {
namespace {

using EdgeLists = std::vector<std::vector<Edge>>;  // of each relation

// Sorted, each once, and in both directions.
EdgeLists edges_by_relation(const Graph& graph, const std::vector<Triple>& triples) {
  EdgeLists lists(graph.relations.size());
  for (const Triple& triple : triples) {
    const std::int32_t reverse = graph.relations[triple.relation].reverse;
    lists[triple.relation].push_back(edge_of(triple));
    if (reverse != kNoReverse) lists[reverse].push_back(flipped(edge_of(triple)));
  }
  for (auto& list : lists) {
    sort_unique(list);
  }
  return lists;
}

SharedArray<Edge> united(const SharedArray<Edge>& edges, const std::vector<Edge>& more) {
  if (more.empty()) return edges;
  std::vector<Edge> all;
  all.reserve(edges.size() + more.size());
  std::set_union(edges.begin(), edges.end(), more.begin(), more.end(), std::back_inserter(all));
  return SharedArray<Edge>(std::move(all));
}

}  // namespace

TripleIndex::TripleIndex(const Graph& graph, const std::vector<Triple>& held_out) {
  const EdgeLists more = edges_by_relation(graph, held_out);
  outgoing_.resize(graph.relations.size());
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    const Relation& relation = graph.relations[r];
    reverses_.push_back(relation.reverse);
    incoming_.emplace_back(united(relation.edges, more[r]), graph.node_types[relation.tail_type]);
    if (relation.reverse == kNoReverse) {
      outgoing_[r] = IncomingEdges(SharedArray<Edge>(mirror_of(incoming_[r].edges())),
                                   graph.node_types[relation.head_type]);
    }
  }
}

bool TripleIndex::contains(const Triple& triple) const {
  return known_heads(triple.relation, triple.tail).contains(triple.head);
}

Neighbors TripleIndex::known_tails(std::int32_t head, std::int32_t relation) const {
  const std::int32_t reverse = reverses_[relation];
  return (reverse == kNoReverse ? outgoing_[relation] : incoming_[reverse]).heads_of(head);
}

Neighbors TripleIndex::known_heads(std::int32_t relation, std::int32_t tail) const {
  return incoming_[relation].heads_of(tail);
}

Neighbors TripleIndex::known_at(Side side, const Triple& triple) const {
  return side == Side::tail ? known_tails(triple.head, triple.relation)
                            : known_heads(triple.relation, triple.tail);
}

}  // namespace hgnn_moe::kg
