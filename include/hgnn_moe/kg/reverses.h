// Reverse relations, so that messages pass both ways along every edge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

// Of a graph with its reverses: samplers number relations in 16 bits.
inline constexpr std::size_t kMaxRelations = 1 << 16;

enum class ReverseKind {
  added,      // a new relation NAME_reverse
  paired,     // with a relation of the same name that the graph has in the other direction
  symmetric,  // the relation itself
};

struct ReverseNote {
  std::int32_t relation = 0;  // of the graph returned
  ReverseKind kind = ReverseKind::added;
  std::int64_t filled = 0;  // edges added because the graph held them in one direction only
};

struct ReversedGraph {
  Graph graph;
  std::vector<ReverseNote> notes;  // for each relation of the graph given, none for those paired
                                   // by an earlier one's note
};

// Gives every relation a reverse:
//
// - A relation within a type is its own reverse where its format says that it is undirected, or
//   where the format says nothing and its edges are those of its mirror. Directions that an
//   undirected one lacks are added and counted.
// - Relations (a, NAME, b) and (b, NAME, a) are paired under the same conditions.
// - All others get a new relation (b, NAME_reverse, a), after the relations there are. A relation
//   of this name that is there already is taken where it is the mirror.
//
// A relation that has a reverse keeps it, so a second call changes nothing. Throws Error(data)
// where the name NAME_reverse is taken by other edges.
ReversedGraph with_reverses(const Graph& graph);

// The edges flipped, sorted.
std::vector<Edge> mirror_of(const SharedArray<Edge>& edges);

// One line a note.
std::string to_text(const ReversedGraph& reversed);

}  // namespace hgnn_moe::kg
