// The control whose edges mean nothing.
#pragma once

#include <cstdint>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

// The graph with the edges of each relation switched at random: two edges exchange their tails
// unless that gives an edge twice or joins a node with itself, ten times as often as there are
// edges (XSwap: Hanhijärvi et al., "Randomization techniques for graphs", SDM 2009). Every node
// keeps its degrees in each relation, and what a model gains from edges beyond degrees is gone.
// Self-loops stay. Reverses follow their relations. Depends on the seed and the graph alone.
Graph shuffled_edges(const Graph& graph, std::uint64_t seed);

}  // namespace hgnn_moe::kg
