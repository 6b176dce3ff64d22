#include "hgnn_moe/kg/limit_nodes.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "node_table.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::kg {
namespace {

constexpr std::int32_t kDropped = -1;

// Of each node, how many of its edges join it with a node that `counts` (by its number).
template <typename Counts>
std::vector<std::int64_t> degrees_of(const Graph& graph, const Counts& counts) {
  std::vector<std::int64_t> degrees(static_cast<std::size_t>(graph.node_count()), 0);
  for (const Relation& relation : graph.relations) {
    for (const Edge& edge : relation.edges) {
      if (counts(edge.tail)) ++degrees[edge.head];
      if (counts(edge.head)) ++degrees[edge.tail];
    }
  }
  return degrees;
}

bool any_node(std::int32_t) { return true; }

std::int64_t sum(const std::vector<std::int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

// `total` in proportion to `counts`: each share rounded down, and what is left over to those that
// lost most by the rounding (largest remainders). No share is zero while there is enough for all;
// the largest pay for that.
std::vector<std::int64_t> shares_of(const std::vector<std::int64_t>& counts, std::int64_t total) {
  const std::int64_t all = std::max<std::int64_t>(sum(counts), 1);
  const std::int64_t zeros = std::count(counts.begin(), counts.end(), 0);
  const std::int64_t least = total >= static_cast<std::int64_t>(counts.size()) - zeros ? 1 : 0;
  std::vector<std::int64_t> shares;
  std::vector<std::pair<std::int64_t, std::size_t>> remainders;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::int64_t share = counts[i] * total / all;
    shares.push_back(std::max(share, std::min(counts[i], least)));
    remainders.emplace_back(shares[i] == share ? counts[i] * total % all : 0, i);
  }
  std::int64_t left = total - sum(shares);
  for (; left < 0; ++left) --*std::max_element(shares.begin(), shares.end());
  std::sort(remainders.rbegin(), remainders.rend());
  for (std::int64_t i = 0; i < left; ++i) ++shares[remainders[i].second];
  return shares;
}

// How many nodes each type keeps: nodes without edges are kept when all others are.
std::vector<std::int64_t> quotas_of(const Graph& graph, const std::vector<std::int64_t>& degrees,
                                    std::int64_t max_nodes) {
  std::vector<std::int64_t> joined, isolated;
  for (const NodeType& type : graph.node_types) {
    const auto first = degrees.begin() + type.first;
    isolated.push_back(std::count(first, first + type.count, 0));
    joined.push_back(type.count - isolated.back());
  }
  const std::int64_t of_joined = std::min(max_nodes, sum(joined));
  std::vector<std::int64_t> quotas = shares_of(joined, of_joined);
  const std::vector<std::int64_t> more = shares_of(isolated, max_nodes - of_joined);
  for (std::size_t t = 0; t < quotas.size(); ++t) quotas[t] += more[t];
  return quotas;
}

// Nodes without edges behind all others, then in the order of waiting times: a node of weight w
// waits for an exponential time of rate w, so the first to come are drawn with chances in
// proportion to their weights.
std::pair<bool, double> rank_of(std::uint64_t key, std::int32_t node, std::int64_t degree) {
  const PhiloxBlock block = philox(key, {{static_cast<std::uint32_t>(node), 0, 0, 0}});
  const double uniform = (block.v[0] + 0.5) / 4294967296.0;
  const double rate = static_cast<double>(std::max<std::int64_t>(degree, 1));
  return {degree == 0, -std::log(uniform) / rate};
}

// Whether each node is among the first of its type.
std::vector<bool> choose_nodes(const Graph& graph, const std::vector<std::int64_t>& quotas,
                               const std::vector<std::int64_t>& degrees, std::uint64_t key) {
  std::vector<bool> is_kept(degrees.size(), false);
  for (std::size_t t = 0; t < quotas.size(); ++t) {
    const NodeType& type = graph.node_types[t];
    std::vector<std::pair<std::pair<bool, double>, std::int32_t>> ranked;
    for (std::int32_t node = type.first; node < type.first + type.count; ++node) {
      ranked.emplace_back(rank_of(key, node, degrees[node]), node);
    }
    std::sort(ranked.begin(), ranked.end());
    for (std::int64_t i = 0; i < quotas[t]; ++i) is_kept[ranked[i].second] = true;
  }
  return is_kept;
}

// The new number of each node, or kDropped.
std::vector<std::int32_t> number_nodes(const Graph& graph, std::int64_t max_nodes,
                                       std::uint64_t seed) {
  // After the first draw most edges of a node lead to nodes that are dropped. Counting only those
  // between nodes that are kept, and drawing again, leaves few nodes without an edge.
  constexpr int kDraws = 3;
  const std::uint64_t key = philox_stream_key(seed, RandomPurpose::node_subset, 0);
  const std::vector<std::int64_t> degrees = degrees_of(graph, any_node);
  const std::vector<std::int64_t> quotas = quotas_of(graph, degrees, max_nodes);
  std::vector<bool> is_kept = choose_nodes(graph, quotas, degrees, key);
  for (int draw = 1; draw < kDraws; ++draw) {
    const auto counts = [&](std::int32_t node) { return is_kept[node]; };
    is_kept = choose_nodes(graph, quotas, degrees_of(graph, counts), key);
  }
  std::vector<std::int32_t> numbers;
  std::int32_t next = 0;
  for (const bool kept : is_kept) numbers.push_back(kept ? next++ : kDropped);
  return numbers;
}

void keep_nodes(const Graph& graph, const std::vector<std::int32_t>& numbers, Graph& kept) {
  std::vector<std::int32_t> node_sources;
  TextList ids, names;
  for (std::int32_t node = 0; node < graph.node_count(); ++node) {
    if (numbers[node] == kDropped) continue;
    node_sources.push_back(graph.node_sources[node]);
    ids.add(graph.node_ids[node]);
    names.add(graph.node_names[node]);
  }
  std::int32_t first = 0;
  for (NodeType& type : kept.node_types) {
    const auto begin = numbers.begin() + type.first;
    const auto dropped = std::count(begin, begin + type.count, kDropped);
    type.first = first;
    type.count -= static_cast<std::int32_t>(dropped);
    first += type.count;
  }
  kept.node_sources = SharedArray<std::int32_t>(std::move(node_sources));
  kept.node_ids = std::move(ids).share();
  kept.node_names = std::move(names).share();
}

// The order of nodes stays, so the edges stay sorted.
void keep_edges(const std::vector<std::int32_t>& numbers, Graph& kept) {
  for (Relation& relation : kept.relations) {
    std::vector<Edge> edges;
    for (const Edge& edge : relation.edges) {
      const Edge renumbered{numbers[edge.head], numbers[edge.tail]};
      if (renumbered.head != kDropped && renumbered.tail != kDropped) edges.push_back(renumbered);
    }
    edges.shrink_to_fit();
    relation.edges = SharedArray<Edge>(std::move(edges));
  }
}

LimitReport compare(const Graph& before, const Graph& after) {
  LimitReport report;
  report.nodes_before = before.node_count();
  report.nodes_after = after.node_count();
  report.edges_before = before.edge_count();
  report.edges_after = after.edge_count();
  const std::vector<std::int64_t> degrees = degrees_of(after, any_node);
  report.isolated_after = std::count(degrees.begin(), degrees.end(), 0);
  for (std::size_t t = 0; t < before.node_types.size(); ++t) {
    report.nodes_dropped.push_back(before.node_types[t].count - after.node_types[t].count);
  }
  for (std::size_t r = 0; r < before.relations.size(); ++r) {
    report.edges_dropped.push_back(static_cast<std::int64_t>(before.relations[r].edges.size() -
                                                             after.relations[r].edges.size()));
  }
  return report;
}

}  // namespace

LimitedGraph limit_nodes(const Graph& graph, std::int64_t max_nodes, std::uint64_t seed) {
  HGNN_MOE_ASSERT(max_nodes > 0, "max_nodes {}", max_nodes);
  Graph kept = graph;
  if (graph.node_count() > max_nodes) {
    const std::vector<std::int32_t> numbers = number_nodes(graph, max_nodes, seed);
    keep_nodes(graph, numbers, kept);
    keep_edges(numbers, kept);
  }
  LimitReport report = compare(graph, kept);
  return {std::move(kept), std::move(report)};
}

std::string to_text(const LimitedGraph& limited) {
  const auto& [graph, report] = limited;
  std::string text = fmt::format("{} of {} nodes and {} of {} edges are kept; {} nodes have none\n",
                                 report.nodes_after, report.nodes_before, report.edges_after,
                                 report.edges_before, report.isolated_after);
  for (std::size_t t = 0; t < graph.node_types.size(); ++t) {
    if (report.nodes_dropped[t] == 0) continue;
    text += fmt::format("  {} nodes of type {} dropped, {} kept\n", report.nodes_dropped[t],
                        graph.node_types[t].name, graph.node_types[t].count);
  }
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    if (report.edges_dropped[r] == 0) continue;
    text += fmt::format("  {} edges of {} dropped, {} kept\n", report.edges_dropped[r],
                        relation_title(graph, graph.relations[r]), graph.relations[r].edges.size());
  }
  return text;
}

}  // namespace hgnn_moe::kg
