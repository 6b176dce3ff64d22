#include "graph_builder.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "hgnn_moe/base/sort_unique.h"

namespace hgnn_moe::kg {
namespace {

// How many ids more than one node has, and how many nodes those are.
void count_collisions(const NodeTable& nodes, LoadReport& report) {
  std::unordered_map<std::string_view, std::int64_t> nodes_of_id;
  for (std::int32_t n = 0; n < nodes.size(); ++n) ++nodes_of_id[nodes.key(n).id];
  for (const auto& [id, count] : nodes_of_id) {
    if (count < 2) continue;
    ++report.colliding_ids;
    report.colliding_nodes += count;
  }
}

std::int64_t count_shared(std::vector<std::int64_t> indexes) {
  std::sort(indexes.begin(), indexes.end());
  std::int64_t shared = 0;
  for (auto first = indexes.begin(); first != indexes.end();) {
    const auto last = std::upper_bound(first, indexes.end(), *first);
    if (*first >= 0 && last - first > 1) shared += last - first;
    first = last;
  }
  return shared;
}

// Sorts by (tail, head) and leaves each edge once.
void sort_edges(std::vector<Edge>& edges) {
  sort_unique(edges);
  edges.shrink_to_fit();
}

std::int64_t count_self_loops(const SharedArray<Edge>& edges) {
  return std::count_if(edges.begin(), edges.end(),
                       [](Edge edge) { return edge.head == edge.tail; });
}

void report_nodes(LoadedGraph& loaded) {
  const Graph& graph = loaded.graph;
  std::vector<bool> has_edge(static_cast<std::size_t>(graph.node_count()), false);
  for (const Relation& relation : graph.relations) {
    for (const Edge& edge : relation.edges) has_edge[edge.head] = has_edge[edge.tail] = true;
  }
  LoadReport& report = loaded.report;
  report.nodes = graph.node_count();
  for (const NodeType& type : graph.node_types) {
    const auto first = has_edge.begin() + type.first;
    const std::int64_t isolated = std::count(first, first + type.count, false);
    report.node_types.push_back({type.name, type.count, isolated});
    report.isolated += isolated;
  }
}

std::int64_t count_in(const SharedArray<Edge>& edges, const std::vector<LoadedGraph>& earlier,
                      std::size_t relation) {
  return std::count_if(edges.begin(), edges.end(), [&](const Edge& edge) {
    return std::any_of(earlier.begin(), earlier.end(), [&](const LoadedGraph& other) {
      const auto& others = other.graph.relations[relation].edges;
      return std::binary_search(others.begin(), others.end(), edge);
    });
  });
}

}  // namespace

std::size_t GraphBuilder::HashKind::operator()(const EdgeKind& kind) const {
  std::uint64_t hash = 0;
  for (const std::int32_t part : {kind.head_type, kind.relation, kind.tail_type, kind.label}) {
    hash = (hash ^ static_cast<std::uint32_t>(part)) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 29;
  }
  return hash;
}

bool GraphBuilder::SameKind::operator()(const EdgeKind& a, const EdgeKind& b) const {
  return a.head_type == b.head_type && a.relation == b.relation && a.tail_type == b.tail_type &&
         a.label == b.label;
}

void GraphBuilder::begin_part(std::string file) {
  Part& part = parts_.emplace_back();
  part.file = std::move(file);
  part.edges.resize(relations_.size());
  part.kind_rows.resize(kinds_.size());
}

std::int32_t GraphBuilder::node(const NodeKey& key, std::string_view name) {
  const std::int32_t node = nodes_.find_or_add(key, name);
  if (nodes_.name(node) != name) ++parts_.back().name_conflicts;
  return node;
}

void GraphBuilder::note_index(std::int32_t node, std::int64_t index) {
  if (static_cast<std::size_t>(node) == first_indexes_.size()) first_indexes_.push_back(index);
  if (index < 0 || first_indexes_[node] != index) ++parts_.back().index_conflicts;
}

std::int32_t GraphBuilder::relation_of(const EdgeKind& kind, Direction direction) {
  const EdgeKind without_label{kind.head_type, kind.relation, kind.tail_type, -1};
  const auto [found, is_new] =
      relation_numbers_.emplace(without_label, static_cast<std::int32_t>(relations_.size()));
  if (is_new) {
    relations_.push_back({kind.head_type, kind.relation, kind.tail_type, direction});
    for (Part& part : parts_) part.edges.emplace_back();
  }
  return found->second;
}

std::int32_t GraphBuilder::edge_kind(const EdgeKind& kind, Direction direction) {
  const auto [found, is_new] =
      kind_numbers_.emplace(kind, static_cast<std::int32_t>(kinds_.size()));
  if (is_new) {
    kinds_.push_back({relation_of(kind, direction), kind.label});
    for (Part& part : parts_) part.kind_rows.push_back(0);
  }
  return found->second;
}

void GraphBuilder::add_edge(std::int32_t kind, Edge edge) {
  Part& part = parts_.back();
  ++part.kind_rows[kind];
  part.edges[kinds_[kind].relation].push_back(edge);
}

std::vector<LoadedGraph> GraphBuilder::finish() {
  Graph shell;
  const std::vector<std::int32_t> numbers = number_nodes(shell);
  describe_relations(shell);
  LoadReport collisions;
  count_collisions(nodes_, collisions);
  const std::int64_t shared_indexes = count_shared(first_indexes_);
  std::vector<LoadedGraph> loaded;
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    loaded.push_back(finish_part(p, shell, numbers, loaded));
    loaded.back().report.colliding_ids = collisions.colliding_ids;
    loaded.back().report.colliding_nodes = collisions.colliding_nodes;
    loaded.back().report.shared_indexes = shared_indexes;
  }
  return loaded;
}

// Groups the nodes by type, each type's in the order they came, and gives their new numbers.
std::vector<std::int32_t> GraphBuilder::number_nodes(Graph& graph) const {
  for (const std::string& name : types.texts()) graph.node_types.push_back({name, 0, 0});
  for (std::int32_t n = 0; n < nodes_.size(); ++n) ++graph.node_types[nodes_.key(n).type].count;
  std::int32_t first = 0;
  std::vector<std::int32_t> next;
  for (NodeType& type : graph.node_types) {
    type.first = first;
    next.push_back(first);
    first += type.count;
  }
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(nodes_.size()));
  std::vector<std::int32_t> order(numbers.size());
  for (std::int32_t n = 0; n < nodes_.size(); ++n) {
    numbers[n] = next[nodes_.key(n).type]++;
    order[numbers[n]] = n;
  }
  graph.sources = sources.texts();
  std::vector<std::int32_t> node_sources;
  TextList ids, names;
  for (const std::int32_t n : order) {
    node_sources.push_back(nodes_.key(n).source);
    ids.add(nodes_.key(n).id);
    names.add(nodes_.name(n));
  }
  graph.node_sources = SharedArray<std::int32_t>(std::move(node_sources));
  graph.node_ids = std::move(ids).share();
  graph.node_names = std::move(names).share();
  return numbers;
}

void GraphBuilder::describe_relations(Graph& graph) const {
  for (const RelationKey& key : relations_) {
    graph.relations.push_back(
        {key.head_type, relation_names[key.name], key.tail_type, key.direction, kNoReverse, {}});
  }
}

LoadedGraph GraphBuilder::finish_part(std::size_t index, const Graph& shell,
                                      const std::vector<std::int32_t>& numbers,
                                      const std::vector<LoadedGraph>& earlier) {
  Part& part = parts_[index];
  LoadedGraph loaded{shell, {}};
  LoadReport& report = loaded.report;
  report.file = part.file;
  report.blank_lines = part.blank_lines;
  report.name_conflicts = part.name_conflicts;
  report.index_conflicts = part.index_conflicts;
  for (std::size_t r = 0; r < relations_.size(); ++r) {
    std::vector<Edge> edges = std::move(part.edges[r]);
    for (Edge& edge : edges) edge = {numbers[edge.head], numbers[edge.tail]};
    sort_edges(edges);
    loaded.graph.relations[r].edges = SharedArray<Edge>(std::move(edges));
    report.in_earlier_files += count_in(loaded.graph.relations[r].edges, earlier, r);
  }
  report_relations(part, loaded);
  report_nodes(loaded);
  return loaded;
}

void GraphBuilder::report_relations(const Part& part, LoadedGraph& loaded) const {
  LoadReport& report = loaded.report;
  for (const Relation& relation : loaded.graph.relations) {
    RelationCount& count = report.relations.emplace_back();
    count.head_type = types[relation.head_type];
    count.name = relation.name;
    count.tail_type = types[relation.tail_type];
    count.edges = static_cast<std::int64_t>(relation.edges.size());
    count.self_loops = count_self_loops(relation.edges);
  }
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    RelationCount& count = report.relations[kinds_[k].relation];
    count.rows += part.kind_rows[k];
    if (part.kind_rows[k] > 0) count.labels.push_back({labels[kinds_[k].label], part.kind_rows[k]});
  }
  for (RelationCount& count : report.relations) {
    count.duplicates = count.rows - count.edges;
    report.rows += count.rows;
    report.edges += count.edges;
    report.duplicates += count.duplicates;
    report.self_loops += count.self_loops;
  }
}

}  // namespace hgnn_moe::kg
