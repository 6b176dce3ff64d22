#include "hgnn_moe/kg/shuffled_edges.h"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>
#include <vector>

#include "pair_code.h"

#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/base/sort_unique.h"
#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/reverses.h"

namespace hgnn_moe::kg {
namespace {

// Switches the primary edges of one relation.
class Shuffler {
 public:
  Shuffler(std::vector<Edge> edges, bool is_symmetric, std::uint64_t key)
      : edges_(std::move(edges)), is_symmetric_(is_symmetric), key_(key) {
    taken_.reserve(edges_.size());
    for (const Edge& edge : edges_) taken_.insert(code_of(edge));
  }

  std::vector<Edge> run() && {
    constexpr std::uint64_t kAttempts = 10;  // an edge
    for (std::uint64_t i = 0; i < kAttempts * edges_.size(); ++i) {
      const PhiloxBlock bits = philox(
          key_, {{static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i >> 32), 0, 0}});
      Edge& a = edges_[place_of(bits.v[0])];
      Edge& b = edges_[place_of(bits.v[1])];
      // Which end of an edge without direction is its tail is drawn as well.
      const bool turns = is_symmetric_ && bits.v[2] % 2 == 1;
      exchange_tails(a, b, turns ? flipped(b) : b);
    }
    return std::move(edges_);
  }

 private:
  // Uneven by at most edges / 2^32.
  std::size_t place_of(std::uint32_t bits) const {
    return bits * std::uint64_t{edges_.size()} >> 32;
  }

  void exchange_tails(Edge& a, Edge& b, Edge b_as_seen) {
    const Edge new_a{a.head, b_as_seen.tail};
    const Edge new_b{b_as_seen.head, a.tail};
    const auto is_loop = [](Edge edge) { return edge.head == edge.tail; };
    if (is_loop(a) || is_loop(b) || is_loop(new_a) || is_loop(new_b)) return;
    if (taken_.count(code_of(new_a)) + taken_.count(code_of(new_b)) > 0) return;
    taken_.erase(code_of(a));
    taken_.erase(code_of(b));
    a = new_a;
    b = new_b;
    taken_.insert(code_of(a));
    taken_.insert(code_of(b));
  }

  std::uint64_t code_of(Edge edge) const {
    return pair_code(is_symmetric_ ? ascending(edge) : edge);
  }

  std::vector<Edge> edges_;
  bool is_symmetric_;
  std::uint64_t key_;
  std::unordered_set<std::uint64_t> taken_;  // codes of the edges there are
};

std::vector<Edge> primary_edges(const Graph& graph, std::int32_t relation) {
  std::vector<Edge> primary;
  const auto& edges = graph.relations[relation].edges;
  std::copy_if(edges.begin(), edges.end(), std::back_inserter(primary),
               [&](Edge edge) { return is_primary(graph, relation, edge); });
  return primary;
}

// Both directions of each.
std::vector<Edge> with_mirror(std::vector<Edge> edges) {
  const auto size = static_cast<std::ptrdiff_t>(edges.size());
  edges.reserve(2 * edges.size());
  std::transform(edges.begin(), edges.begin() + size, std::back_inserter(edges), flipped);
  sort_unique(edges);  // self-loops are there twice
  return edges;
}

}  // namespace

Graph shuffled_edges(const Graph& graph, std::uint64_t seed) {
  Graph shuffled = graph;
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    const auto relation = static_cast<std::int32_t>(r);
    const std::int32_t reverse = graph.relations[r].reverse;
    if (!is_primary(graph, relation)) continue;
    const std::uint64_t key = philox_stream_key(seed, RandomPurpose::edge_shuffle, r);
    const bool is_symmetric = reverse == relation;
    std::vector<Edge> edges = Shuffler(primary_edges(graph, relation), is_symmetric, key).run();
    if (is_symmetric) {
      edges = with_mirror(std::move(edges));
    } else {
      std::sort(edges.begin(), edges.end());
    }
    shuffled.relations[r].edges = SharedArray<Edge>(std::move(edges));
    if (reverse == kNoReverse || is_symmetric) continue;
    shuffled.relations[reverse].edges = SharedArray<Edge>(mirror_of(shuffled.relations[r].edges));
  }
  return shuffled;
}

}  // namespace hgnn_moe::kg
