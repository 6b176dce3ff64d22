// The edges that attention in a heterogeneous graph goes along, as its kernels read them.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// Edges of one relation: edge e goes from row sources[e] of the sources' tensors to row
// destinations[e] of the destinations'. In any order; an edge may stand here more than once.
struct RelationEdges {
  std::int64_t relation = 0;  // its number among the relations' parameters
  std::vector<std::int32_t> sources;
  std::vector<std::int32_t> destinations;
};

// Where one relation's lists stand, and how long they are.
struct HgtRelation {
  std::int64_t relation = 0;
  std::int64_t num_destinations = 0;  // that have an edge of the relation
  std::int64_t num_sources = 0;
  std::int64_t num_edges = 0;
  std::int64_t first = 0;  // element of HgtEdges::lists
};

// Every relation's edges from both ends, sorted: by destination, then source; and by source, then
// destination. Nodes without an edge of a relation are not listed there, so they cost it nothing.
struct HgtEdges {
  std::int64_t num_sources = 0;
  std::int64_t num_destinations = 0;
  std::vector<HgtRelation> relations;  // those with edges, ascending
  // int32, of each relation six lists: its destinations' rows [n], ascending; the offsets of their
  // edges [n + 1]; of each edge the source, as a position in the next list [e]; then the sources'
  // rows, the offsets of their edges, and of each edge the position of its destination.
  at::Tensor lists;

  std::int64_t num_edges() const;
  HgtEdges to(c10::Device device) const;
};

// Pointers into HgtEdges::lists, where that is.
struct HgtEdgeList {
  const std::int32_t* rows = nullptr;        // [count]
  const std::int32_t* offsets = nullptr;     // [count + 1]
  const std::int32_t* neighbours = nullptr;  // [edges]
  std::int64_t count = 0;
};
HgtEdgeList destinations_of(const HgtEdges& edges, const HgtRelation& relation);
HgtEdgeList sources_of(const HgtEdges& edges, const HgtRelation& relation);

// On the CPU; O(edges log edges). Relations come in ascending order and those without edges are
// left out. Every row is below num_sources or num_destinations, and there are fewer than 2^31
// edges: what is not so is a bug of the caller.
HgtEdges make_hgt_edges(std::int64_t num_sources, std::int64_t num_destinations,
                        const std::vector<RelationEdges>& relations);

}  // namespace hgnn_moe::ops
