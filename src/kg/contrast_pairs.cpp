#include "hgnn_moe/kg/contrast_pairs.h"

#include <algorithm>
#include <utility>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/sort_unique.h"

namespace hgnn_moe::kg {
namespace {

// Lists of numbers, all in one array: list i is [offsets[i], offsets[i + 1]) of `values`.
struct Lists {
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> values;

  std::int64_t size_of(std::int32_t i) const { return offsets[i + 1] - offsets[i]; }
  const std::int32_t* begin_of(std::int32_t i) const { return values.data() + offsets[i]; }
  const std::int32_t* end_of(std::int32_t i) const { return values.data() + offsets[i + 1]; }
};

// Entries (list, value) in any order.
using Entries = std::vector<std::pair<std::int32_t, std::int32_t>>;

// Each list ascends and holds a value once.
Lists lists_of(Entries entries, std::int32_t count) {
  sort_unique(entries);
  Lists lists;
  lists.offsets.resize(static_cast<std::size_t>(count) + 1, 0);
  lists.values.reserve(entries.size());
  for (const auto& [list, value] : entries) {
    ++lists.offsets[list + 1];
    lists.values.push_back(value);
  }
  for (std::int32_t i = 0; i < count; ++i) lists.offsets[i + 1] += lists.offsets[i];
  return lists;
}

// (place in the type, neighbour) for each edge of the relations at a node of the type.
Entries neighbors_of(const Graph& graph, const ContrastOptions& options) {
  const NodeType& type = graph.node_types[options.node_type];
  Entries entries;
  for (const std::int32_t r : options.relations) {
    for (const Edge& edge : graph.relations[r].edges) {
      if (type.contains(edge.head)) entries.emplace_back(edge.head - type.first, edge.tail);
      if (type.contains(edge.tail)) entries.emplace_back(edge.tail - type.first, edge.head);
    }
  }
  return entries;
}

class PairFinder {
 public:
  PairFinder(const Graph& graph, const ContrastOptions& options)
      : options_(options), type_(graph.node_types[options.node_type]) {
    Entries entries = neighbors_of(graph, options);
    neighbors_ = lists_of(entries, type_.count);
    for (auto& [member, neighbor] : entries) std::swap(member, neighbor);
    members_ = lists_of(std::move(entries), graph.node_count());
    shared_.resize(static_cast<std::size_t>(type_.count), 0);
  }

  ContrastPairs run() {
    ContrastPairs pairs;
    pairs.offsets.push_back(0);
    for (std::int32_t member = 0; member < type_.count; ++member) {
      for (const Partner& partner : partners_of(member)) {
        pairs.partners.push_back(type_.first + partner.member);
        pairs.similarities.push_back(static_cast<float>(partner.similarity));
      }
      pairs.offsets.push_back(static_cast<std::int64_t>(pairs.partners.size()));
    }
    return pairs;
  }

 private:
  struct Partner {
    double similarity = 0.0;
    std::int32_t member = 0;

    bool operator<(const Partner& other) const {  // better ones first
      return similarity != other.similarity ? similarity > other.similarity : member < other.member;
    }
  };

  std::vector<Partner> partners_of(std::int32_t member) {
    count_shared(member);
    std::vector<Partner> partners;
    for (const std::int32_t other : touched_) {
      const double similarity = jaccard(member, other);
      shared_[other] = 0;
      if (similarity > options_.similarity_threshold) partners.push_back({similarity, other});
    }
    const auto kept =
        std::min<std::int64_t>(options_.max_partners, static_cast<std::int64_t>(partners.size()));
    std::partial_sort(partners.begin(), partners.begin() + kept, partners.end());
    partners.resize(static_cast<std::size_t>(kept));
    return partners;
  }

  // For each other member, how many neighbours it shares with this one.
  void count_shared(std::int32_t member) {
    touched_.clear();
    for (auto n = neighbors_.begin_of(member); n != neighbors_.end_of(member); ++n) {
      for (auto other = members_.begin_of(*n); other != members_.end_of(*n); ++other) {
        if (*other == member) continue;
        if (shared_[*other]++ == 0) touched_.push_back(*other);
      }
    }
  }

  double jaccard(std::int32_t a, std::int32_t b) const {
    const std::int64_t shared = shared_[b];
    const std::int64_t either = neighbors_.size_of(a) + neighbors_.size_of(b) - shared;
    return static_cast<double>(shared) / static_cast<double>(either);
  }

  ContrastOptions options_;
  NodeType type_;
  Lists neighbors_;  // of each member of the type: nodes
  Lists members_;    // of each node: members that it is a neighbour of
  std::vector<std::int32_t> shared_;
  std::vector<std::int32_t> touched_;  // members whose `shared_` is not 0
};

}  // namespace

ContrastPairs contrast_pairs(const Graph& graph, const ContrastOptions& options) {
  HGNN_MOE_ASSERT(options.similarity_threshold >= 0 && options.max_partners >= 0,
                  "threshold {}, at most {} partners", options.similarity_threshold,
                  options.max_partners);
  return PairFinder(graph, options).run();
}

}  // namespace hgnn_moe::kg
