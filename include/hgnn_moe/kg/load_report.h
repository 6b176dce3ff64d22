// What became of every row of a graph's files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace hgnn_moe::kg {

struct TypeCount {
  std::string type;
  std::int64_t nodes = 0;
  std::int64_t isolated = 0;  // nodes without an edge
};

// Rows that a file shows under another name than the relation's own: PrimeKG's display_relation,
// Hetionet's metaedge.
struct LabelCount {
  std::string label;
  std::int64_t rows = 0;
};

struct RelationCount {
  std::string head_type;
  std::string name;
  std::string tail_type;
  std::int64_t rows = 0;        // edges + duplicates
  std::int64_t edges = 0;       // kept
  std::int64_t duplicates = 0;  // rows that repeat an edge of the relation
  std::int64_t self_loops = 0;  // edges kept that join a node with itself
  std::vector<LabelCount> labels;
};

struct LoadReport {
  std::string file;
  std::int64_t rows = 0;  // without header and blank lines; edges + duplicates
  std::int64_t edges = 0;
  std::int64_t duplicates = 0;
  std::int64_t self_loops = 0;
  std::int64_t nodes = 0;
  std::int64_t isolated = 0;
  std::int64_t blank_lines = 0;
  std::int64_t name_conflicts = 0;       // mentions of a node under another name than its first
  std::int64_t index_conflicts = 0;      // mentions of a node under another x_index than its first
  std::int64_t shared_indexes = 0;       // nodes whose first x_index is also another node's
  std::int64_t colliding_ids = 0;        // ids that nodes of several types or sources have
  std::int64_t colliding_nodes = 0;      // the nodes that have them
  std::int64_t in_earlier_files = 0;     // edges that a file read before this one holds as well
  std::vector<TypeCount> node_types;     // as in the graph
  std::vector<RelationCount> relations;  // as in the graph
};

nlohmann::ordered_json to_json(const LoadReport& report);

// The inverse of to_json. Throws nlohmann::json::exception for what to_json does not write.
LoadReport report_from_json(const nlohmann::ordered_json& json);

// Rows, edges and nodes, and a line for each thing counted that is not zero. Ends in a newline.
std::string to_summary(const LoadReport& report);

// The same with tables of types and relations.
std::string to_table(const LoadReport& report);

}  // namespace hgnn_moe::kg
