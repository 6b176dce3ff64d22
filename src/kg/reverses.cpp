#include "hgnn_moe/kg/reverses.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::kg {
namespace {

bool equal(const SharedArray<Edge>& a, const std::vector<Edge>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

class Reverser {
 public:
  explicit Reverser(const Graph& graph) : result_{graph, {}} {}

  ReversedGraph run() {
    const auto given = static_cast<std::int32_t>(relations().size());
    check_count();  // before the search for their reverses takes long
    for (std::int32_t r = 0; r < given; ++r) {
      if (relations()[r].reverse == kNoReverse && !pair_with_same_name(r)) add_reverse(r);
    }
    check_count();
    return std::move(result_);
  }

 private:
  std::vector<Relation>& relations() { return result_.graph.relations; }

  void check_count() {
    if (relations().size() <= kMaxRelations) return;
    fail(ExitCode::data,
         "the graph has {} relations, their reverses too, of which there may be {}; join some of "
         "them",
         relations().size(), kMaxRelations);
  }

  // With itself or with the relation of its name in the other direction.
  bool pair_with_same_name(std::int32_t r) {
    const Relation& relation = relations()[r];
    const std::int32_t other =
        find_relation(result_.graph, relation.tail_type, relation.name, relation.head_type);
    if (other == kNoReverse || relations()[other].reverse != kNoReverse) return false;
    if (relation.direction == Direction::directed) return false;
    std::vector<Edge> mirror = mirror_of(relations()[other].edges);
    const bool is_mirror = equal(relation.edges, mirror);
    if (!is_mirror && relation.direction != Direction::undirected) return false;
    const std::int64_t filled = is_mirror ? 0 : fill(r, other, mirror);
    join(r, other);
    result_.notes.push_back({r, r == other ? ReverseKind::symmetric : ReverseKind::paired, filled});
    return true;
  }

  // Gives both relations the edges of either, and counts what is new.
  std::int64_t fill(std::int32_t r, std::int32_t other, const std::vector<Edge>& mirror) {
    const std::size_t before = relations()[r].edges.size() + (r == other ? 0 : mirror.size());
    std::vector<Edge> both;
    both.reserve(relations()[r].edges.size() + mirror.size());
    std::set_union(relations()[r].edges.begin(), relations()[r].edges.end(), mirror.begin(),
                   mirror.end(), std::back_inserter(both));
    both.shrink_to_fit();
    relations()[r].edges = SharedArray<Edge>(std::move(both));
    if (r != other) {
      relations()[other].edges = SharedArray<Edge>(mirror_of(relations()[r].edges));
    }
    const std::size_t after = relations()[r].edges.size() * (r == other ? 1 : 2);
    return static_cast<std::int64_t>(after - before);
  }

  void add_reverse(std::int32_t r) {
    const Relation relation = relations()[r];
    const std::string name = relation.name + "_reverse";
    std::vector<Edge> mirror = mirror_of(relation.edges);
    const std::int32_t taken =
        find_relation(result_.graph, relation.tail_type, name, relation.head_type);
    if (taken != kNoReverse) return take_reverse(r, taken, mirror);
    const auto added = static_cast<std::int32_t>(relations().size());
    relations().push_back({relation.tail_type, name, relation.head_type, relation.direction,
                           kNoReverse, SharedArray<Edge>(std::move(mirror))});
    join(r, added);
    result_.notes.push_back({r, ReverseKind::added, 0});
  }

  void take_reverse(std::int32_t r, std::int32_t taken, const std::vector<Edge>& mirror) {
    const Graph& graph = result_.graph;
    if (relations()[taken].reverse != kNoReverse || !equal(relations()[taken].edges, mirror)) {
      fail(ExitCode::data,
           "the relation {} has the name that the reverse of {} would get, but is not its mirror; "
           "rename one of the two",
           relation_title(graph, relations()[taken]), relation_title(graph, relations()[r]));
    }
    join(r, taken);
    result_.notes.push_back({r, ReverseKind::paired, 0});
  }

  void join(std::int32_t a, std::int32_t b) {
    relations()[a].reverse = b;
    relations()[b].reverse = a;
  }

  ReversedGraph result_;
};

}  // namespace

ReversedGraph with_reverses(const Graph& graph) { return Reverser(graph).run(); }

std::vector<Edge> mirror_of(const SharedArray<Edge>& edges) {
  std::vector<Edge> mirror;
  mirror.reserve(edges.size());
  for (const Edge& edge : edges) mirror.push_back(flipped(edge));
  std::sort(mirror.begin(), mirror.end());
  return mirror;
}

std::string to_text(const ReversedGraph& reversed) {
  std::string text;
  for (const ReverseNote& note : reversed.notes) {
    const Relation& relation = reversed.graph.relations[note.relation];
    const std::string title = relation_title(reversed.graph, relation);
    const std::string reverse =
        relation_title(reversed.graph, reversed.graph.relations[relation.reverse]);
    switch (note.kind) {
      case ReverseKind::added:
        text += fmt::format("{}: reverse added, {}", title, reverse);
        break;
      case ReverseKind::paired:
        text += fmt::format("{}: paired with {}", title, reverse);
        break;
      case ReverseKind::symmetric:
        text += fmt::format("{}: symmetric, its own reverse", title);
        break;
    }
    if (note.filled > 0) text += fmt::format("; {} missing directions added", note.filled);
    text += '\n';
  }
  return text;
}

}  // namespace hgnn_moe::kg
