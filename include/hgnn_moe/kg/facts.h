// The facts of a graph, each once: what is trained on and what is asked for.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

inline constexpr std::int32_t kNoNode = -1;

struct Triple {
  std::int32_t head = 0;
  std::int32_t relation = 0;  // of the graph
  std::int32_t tail = 0;
};

inline bool operator==(const Triple& a, const Triple& b) {
  return a.head == b.head && a.relation == b.relation && a.tail == b.tail;
}

inline Edge edge_of(const Triple& triple) { return {triple.head, triple.tail}; }

// A fact to train on. `index` is its own among all facts of the graph, whatever the batch.
struct Target {
  Triple triple;
  std::int64_t index = 0;
};

// The end of a fact that is asked for.
enum class Side { head, tail };

// An edge and its reverse state one fact. Of a relation and its reverse the one with the lower
// number is primary, and of the two edges of a symmetric relation the one with the lower head.
bool is_primary(const Graph& graph, std::int32_t relation);
bool is_primary(const Graph& graph, std::int32_t relation, Edge edge);

// The relations under which facts of `relations` stand: each of these, or its reverse where that is
// the primary one. Ascending.
std::vector<std::int32_t> primary_relations(const Graph& graph,
                                            const std::vector<std::int32_t>& relations);

// The primary edges of a graph as a list: by relation, and within one by (tail, head). Shares the
// graph's edges, except for those of symmetric relations, of which half are copied.
class Facts {
 public:
  explicit Facts(const Graph& graph);
  // Only those of `relations` and of their reverses.
  Facts(const Graph& graph, const std::vector<std::int32_t>& relations);

  std::int64_t size() const { return offsets_.back(); }
  Triple operator[](std::int64_t index) const;
  bool is_symmetric(std::int32_t relation) const { return is_symmetric_[relation]; }

 private:
  struct Group {
    std::int32_t relation = 0;
    SharedArray<Edge> edges;
  };

  void add(const Graph& graph, std::int32_t relation);

  std::vector<Group> groups_;  // those with edges
  std::vector<std::int64_t> offsets_{0};
  std::vector<bool> is_symmetric_;  // of each relation of the graph
};

}  // namespace hgnn_moe::kg
