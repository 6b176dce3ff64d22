// Turns nodes and edges as files name them into graphs and their reports.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "node_table.h"
#include "vocabulary.h"

#include "hgnn_moe/kg/readers.h"

namespace hgnn_moe::kg {

// An edge's relation and the label it is shown under, as numbers of the builder's vocabularies.
struct EdgeKind {
  std::int32_t head_type = 0;
  std::int32_t relation = 0;
  std::int32_t tail_type = 0;
  std::int32_t label = 0;
};

// Files that are parts of one graph share nodes and relations: each part begins with begin_part.
class GraphBuilder {
 public:
  Vocabulary types;
  Vocabulary sources;
  Vocabulary relation_names;
  Vocabulary labels;

  void begin_part(std::string file);
  void count_blank_lines(std::int64_t lines) { parts_.back().blank_lines += lines; }

  // The node's number, provisional until finish(). A name that differs from the first is counted.
  std::int32_t node(const NodeKey& key, std::string_view name);

  // Counts an index of the file that contradicts the node's key; -1 stands for no number.
  void note_index(std::int32_t node, std::int64_t index);

  // A number for add_edge.
  std::int32_t edge_kind(const EdgeKind& kind, Direction direction);
  void add_edge(std::int32_t kind, Edge edge);

  // A graph for each part. The builder is spent.
  std::vector<LoadedGraph> finish();

  const NodeTable& nodes() const { return nodes_; }

 private:
  struct RelationKey {
    std::int32_t head_type = 0;
    std::int32_t name = 0;
    std::int32_t tail_type = 0;
    Direction direction = Direction::unknown;
  };
  struct Kind {
    std::int32_t relation = 0;  // of relations_
    std::int32_t label = 0;
  };
  struct Part {
    std::string file;
    std::int64_t blank_lines = 0;
    std::int64_t name_conflicts = 0;
    std::int64_t index_conflicts = 0;
    std::vector<std::vector<Edge>> edges;  // of each relation, with provisional nodes
    std::vector<std::int64_t> kind_rows;   // rows of each kind
  };
  struct HashKind {
    std::size_t operator()(const EdgeKind& kind) const;
  };
  struct SameKind {
    bool operator()(const EdgeKind& a, const EdgeKind& b) const;
  };

  std::int32_t relation_of(const EdgeKind& kind, Direction direction);
  std::vector<std::int32_t> number_nodes(Graph& graph) const;
  void describe_relations(Graph& graph) const;
  LoadedGraph finish_part(std::size_t part, const Graph& shell,
                          const std::vector<std::int32_t>& numbers,
                          const std::vector<LoadedGraph>& earlier);
  void report_relations(const Part& part, LoadedGraph& loaded) const;

  NodeTable nodes_;
  std::vector<std::int64_t> first_indexes_;  // of nodes, where the format has indexes
  std::vector<RelationKey> relations_;
  std::unordered_map<EdgeKind, std::int32_t, HashKind, SameKind> relation_numbers_;  // no label
  std::vector<Kind> kinds_;
  std::unordered_map<EdgeKind, std::int32_t, HashKind, SameKind> kind_numbers_;
  std::vector<Part> parts_;
};

}  // namespace hgnn_moe::kg
