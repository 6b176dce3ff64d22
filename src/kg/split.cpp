#include "hgnn_moe/kg/split.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "held_pairs.h"
#include "pair_code.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/base/random_choice.h"
#include "hgnn_moe/kg/reverses.h"

namespace hgnn_moe::kg {
namespace {

// What a stream of random numbers is for.
enum class Use : std::uint64_t { pairs, nodes };

std::uint64_t key_of(std::uint64_t seed, Use use) {
  return philox_stream_key(seed, RandomPurpose::graph_split, static_cast<std::uint64_t>(use));
}

void check(const SplitFractions& fractions) {
  const auto [valid, test] = fractions;
  if (!(valid >= 0 && test >= 0 && valid + test < 1)) {
    fail(ExitCode::usage,
         "the fractions {} for validation and {} for testing leave nothing to train on; give two "
         "numbers from 0 on with a sum below 1",
         valid, test);
  }
}

// Of each undirected pair a number of [0, 1): low ones are held out first.
double draw_of_pair(std::uint64_t key, Edge pair) {
  return draw_uniform(key, pair_code(ascending(pair)));
}

Part part_at(double draw, const SplitFractions& fractions) {
  if (draw < fractions.test) return Part::test;
  return draw < fractions.test + fractions.valid ? Part::valid : Part::train;
}

// Gives a relation that would keep no edge the pair back whose draw is nearest to training. It
// comes back with all its edges, so relations that were served before lose nothing.
void keep_one_of_each(const Graph& graph, std::uint64_t key, HeldPairs& held) {
  for (const Relation& relation : graph.relations) {
    const auto& edges = relation.edges;
    const auto is_kept = [&](Edge edge) { return held.part_of(edge) == Part::train; };
    if (edges.empty() || std::any_of(edges.begin(), edges.end(), is_kept)) continue;
    held.release(*std::max_element(edges.begin(), edges.end(), [&](Edge a, Edge b) {
      return draw_of_pair(key, a) < draw_of_pair(key, b);
    }));
  }
}

PartCounts& operator+=(PartCounts& sum, const PartCounts& counts) {
  sum.train += counts.train;
  sum.valid += counts.valid;
  sum.test += counts.test;
  sum.beside += counts.beside;
  return sum;
}

// The relations and their reverses, by number.
std::vector<bool> marked(const Graph& graph, const std::vector<std::int32_t>& relations) {
  std::vector<bool> marks(graph.relations.size(), false);
  for (const std::int32_t r : relations) {
    marks[r] = true;
    if (graph.relations[r].reverse != kNoReverse) marks[graph.relations[r].reverse] = true;
  }
  return marks;
}

// Moves the edges of one relation that are held out from split.train to where they are asked for.
void take_held_out(const Graph& graph, std::int32_t r, bool is_asked, const HeldPairs& held,
                   Split& split) {
  const SharedArray<Edge>& edges = graph.relations[r].edges;
  PartCounts& counts = split.counts[r];
  std::vector<Edge> kept;
  kept.reserve(edges.size());
  for (const Edge& edge : edges) {
    const Part part = held.part_of(edge);
    if (part == Part::train) kept.push_back(edge);
    if (!is_primary(graph, r, edge)) continue;
    const Triple fact{edge.head, r, edge.tail};
    const bool is_held = part != Part::train;
    counts += {!is_held, is_asked && part == Part::valid, is_asked && part == Part::test,
               is_held && !is_asked};
    if (!is_held) continue;
    std::vector<Triple>& asked = part == Part::valid ? split.valid : split.test;
    (is_asked ? asked : split.beside).push_back(fact);
  }
  if (kept.size() == edges.size()) return;
  kept.shrink_to_fit();
  split.train.relations[r].edges = SharedArray<Edge>(std::move(kept));
}

Split split_by(const Graph& graph, const std::vector<std::int32_t>& relations,
               const HeldPairs& held) {
  Split split;
  split.train = graph;
  split.counts.resize(graph.relations.size());
  const std::vector<bool> asked = marked(graph, relations);
  for (const std::int32_t r : all_relations(graph)) take_held_out(graph, r, asked[r], held, split);
  return split;
}

// The nodes of a type that an edge of the relations has as an end, ascending.
std::vector<std::int32_t> nodes_with_edges(const Graph& graph, const NodeType& type,
                                           const std::vector<std::int32_t>& relations) {
  std::vector<bool> has_edge(static_cast<std::size_t>(type.count), false);
  const auto mark = [&](std::int32_t node) {
    if (type.contains(node)) has_edge[node - type.first] = true;
  };
  for (const std::int32_t r : relations) {
    for (const Edge& edge : graph.relations[r].edges) {
      mark(edge.head);
      mark(edge.tail);
    }
  }
  std::vector<std::int32_t> nodes;
  for (std::int32_t i = 0; i < type.count; ++i) {
    if (has_edge[i]) nodes.push_back(type.first + i);
  }
  return nodes;
}

// The part of each node of a graph: `nodes` in the order of their draws, the first for test, then
// valid.
std::vector<Part> parts_of_nodes(std::vector<std::int32_t> nodes, std::int32_t node_count,
                                 const SplitFractions& fractions, std::uint64_t key) {
  std::sort(nodes.begin(), nodes.end(), [&](std::int32_t a, std::int32_t b) {
    return std::pair(draw_bits(key, a), a) < std::pair(draw_bits(key, b), b);
  });
  const auto share = [&](double fraction) {
    const auto rounded = std::llround(fraction * static_cast<double>(nodes.size()));
    return fraction > 0 ? std::max<std::int64_t>(rounded, 1) : 0;
  };
  const std::int64_t test = share(fractions.test);
  const std::int64_t held = test + share(fractions.valid);
  std::vector<Part> parts(static_cast<std::size_t>(node_count), Part::train);
  for (std::int64_t i = 0; i < std::min<std::int64_t>(held, nodes.size()); ++i) {
    parts[nodes[i]] = i < test ? Part::test : Part::valid;
  }
  return parts;
}

bool has_stem(const LoadedGraph& part, const char* stem) {
  return std::filesystem::path(part.report.file).stem() == stem;
}

// A file may state a fact by the reverse of the relation that training knows it by, which has no
// parameters of its own that mean anything. Of a symmetric relation the direction stays.
Triple as_trained(const Graph& train, const Triple& triple) {
  if (is_primary(train, triple.relation)) return triple;
  return {triple.tail, train.relations[triple.relation].reverse, triple.head};
}

std::vector<Triple> triples_of(const Graph& graph) {
  std::vector<Triple> triples;
  for (const std::int32_t r : all_relations(graph)) {
    for (const Edge& edge : graph.relations[r].edges) triples.push_back({edge.head, r, edge.tail});
  }
  return triples;
}

void count_files(Split& split) {
  split.counts.resize(split.train.relations.size());
  const Facts facts(split.train);
  for (std::int64_t i = 0; i < facts.size(); ++i) ++split.counts[facts[i].relation].train;
  for (const Triple& triple : split.valid) ++split.counts[triple.relation].valid;
  for (const Triple& triple : split.test) ++split.counts[triple.relation].test;

  HeldPairs joined;
  for (const Triple& triple : triples_of(split.train)) joined.hold(edge_of(triple), Part::test);
  joined.seal();
  for (const Triple& triple : held_out_facts(split)) {
    split.joined_in_training += joined.part_of(edge_of(triple)) != Part::train;
  }
}

}  // namespace

Split split_pairs(const Graph& graph, const SplitFractions& fractions, std::uint64_t seed,
                  const std::vector<std::int32_t>& relations) {
  check(fractions);
  const std::uint64_t key = key_of(seed, Use::pairs);
  HeldPairs held;
  const std::vector<std::int32_t> asked = relations.empty() ? all_relations(graph) : relations;
  for (const std::int32_t r : asked) {
    for (const Edge& edge : graph.relations[r].edges) {
      const Part part = part_at(draw_of_pair(key, edge), fractions);
      if (part != Part::train) held.hold(edge, part);
    }
  }
  held.seal();
  keep_one_of_each(graph, key, held);
  return split_by(graph, asked, held);
}

Split split_nodes(const Graph& graph, std::int32_t node_type,
                  const std::vector<std::int32_t>& relations, const SplitFractions& fractions,
                  std::uint64_t seed) {
  check(fractions);
  const NodeType& type = graph.node_types[node_type];
  const std::vector<std::int32_t> nodes = nodes_with_edges(graph, type, relations);
  if (nodes.empty()) {
    fail(ExitCode::usage,
         "no node of type {} has an edge of the relations that are to be held out; name relations "
         "that such nodes are an end of",
         type.name);
  }
  const std::vector<Part> parts =
      parts_of_nodes(nodes, graph.node_count(), fractions, key_of(seed, Use::nodes));
  HeldPairs held;
  for (const std::int32_t r : relations) {
    for (const Edge& edge : graph.relations[r].edges) {
      for (const std::int32_t node : {edge.head, edge.tail}) {
        if (parts[node] != Part::train) held.hold(edge, parts[node]);
      }
    }
  }
  held.seal();
  return split_by(graph, relations, held);
}

Split split_of_files(const std::vector<LoadedGraph>& parts) {
  HGNN_MOE_ASSERT(!parts.empty(), "no parts");
  Split split;
  split.train = with_reverses(parts.front().graph).graph;
  for (std::size_t p = 1; p < parts.size(); ++p) {
    HGNN_MOE_ASSERT(has_stem(parts[p], "valid") || has_stem(parts[p], "test"), "part '{}'",
                    parts[p].report.file);
    std::vector<Triple>& held = has_stem(parts[p], "valid") ? split.valid : split.test;
    for (const Triple& triple : triples_of(parts[p].graph)) {
      held.push_back(as_trained(split.train, triple));
    }
  }
  count_files(split);
  return split;
}

std::vector<Triple> held_out_facts(const Split& split) {
  std::vector<Triple> facts = split.valid;
  facts.insert(facts.end(), split.test.begin(), split.test.end());
  facts.insert(facts.end(), split.beside.begin(), split.beside.end());
  return facts;
}

std::string to_table(const Split& split) {
  std::string table =
      fmt::format("{:>10} {:>10} {:>10} {:>10}  facts of\n", "train", "valid", "test", "beside");
  const auto line = [&](const PartCounts& counts, const std::string& what) {
    table += fmt::format("{:>10} {:>10} {:>10} {:>10}  {}\n", counts.train, counts.valid,
                         counts.test, counts.beside, what);
  };
  PartCounts all;
  for (std::size_t r = 0; r < split.counts.size(); ++r) {
    const PartCounts& counts = split.counts[r];
    if (counts.train + counts.valid + counts.test + counts.beside == 0) continue;
    line(counts, relation_title(split.train, split.train.relations[r]));
    all += counts;
  }
  line(all, "all relations");
  if (split.joined_in_training > 0) {
    table += fmt::format("{} of {} held-out facts join nodes that training joins too\n",
                         split.joined_in_training, all.valid + all.test);
  }
  return table;
}

}  // namespace hgnn_moe::kg
