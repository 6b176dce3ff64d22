#include "hgnn_moe/kg/load_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "hgnn_moe/base/json.h"

namespace hgnn_moe::kg {
namespace {

struct CountField {
  const char* key;
  std::int64_t LoadReport::* value;
  const char* sentence;  // for the table, where the count is not zero; null where it has its place
};

constexpr CountField kCounts[] = {
    {"rows", &LoadReport::rows, nullptr},
    {"edges", &LoadReport::edges, nullptr},
    {"duplicates", &LoadReport::duplicates, "rows repeat an edge of their relation: left out"},
    {"self_loops", &LoadReport::self_loops, "edges join a node with itself: kept"},
    {"nodes", &LoadReport::nodes, nullptr},
    {"isolated", &LoadReport::isolated, "nodes have no edge: kept"},
    {"blank_lines", &LoadReport::blank_lines, "lines are blank"},
    {"name_conflicts", &LoadReport::name_conflicts,
     "times a node has another name than at first: the first is kept"},
    {"index_conflicts", &LoadReport::index_conflicts,
     "times a node has another index than at first, or none: type, source and id are its key"},
    {"shared_indexes", &LoadReport::shared_indexes, "nodes share their index with another node"},
    {"colliding_ids", &LoadReport::colliding_ids,
     "ids are used by several types or sources: kept apart"},
    {"colliding_nodes", &LoadReport::colliding_nodes, "nodes have such an id"},
    {"in_earlier_files", &LoadReport::in_earlier_files,
     "edges are also in a file read before: kept in both"},
};

Json to_json(const TypeCount& count) {
  Json json;
  json["type"] = count.type;
  json["nodes"] = count.nodes;
  json["isolated"] = count.isolated;
  return json;
}

Json to_json(const LabelCount& count) {
  Json json;
  json["label"] = count.label;
  json["rows"] = count.rows;
  return json;
}

Json to_json(const RelationCount& count) {
  Json json;
  json["head_type"] = count.head_type;
  json["relation"] = count.name;
  json["tail_type"] = count.tail_type;
  json["rows"] = count.rows;
  json["edges"] = count.edges;
  json["duplicates"] = count.duplicates;
  json["self_loops"] = count.self_loops;
  json["labels"] = Json::array();
  for (const LabelCount& label : count.labels) json["labels"].push_back(to_json(label));
  return json;
}

RelationCount relation_from_json(const Json& json) {
  RelationCount count;
  json.at("head_type").get_to(count.head_type);
  json.at("relation").get_to(count.name);
  json.at("tail_type").get_to(count.tail_type);
  json.at("rows").get_to(count.rows);
  json.at("edges").get_to(count.edges);
  json.at("duplicates").get_to(count.duplicates);
  json.at("self_loops").get_to(count.self_loops);
  for (const Json& label : json.at("labels")) {
    count.labels.push_back({label.at("label"), label.at("rows")});
  }
  return count;
}

// The labels that differ from the relation's name.
std::string shown_labels(const RelationCount& count) {
  std::string text;
  for (const LabelCount& label : count.labels) {
    if (label.label == count.name) continue;
    text += fmt::format("{}{} {}", text.empty() ? "  as " : ", ", label.label, label.rows);
  }
  return text;
}

}  // namespace

Json to_json(const LoadReport& report) {
  Json json;
  json["file"] = report.file;
  for (const CountField& field : kCounts) json[field.key] = report.*field.value;
  json["node_types"] = Json::array();
  for (const TypeCount& count : report.node_types) json["node_types"].push_back(to_json(count));
  json["relations"] = Json::array();
  for (const RelationCount& count : report.relations) json["relations"].push_back(to_json(count));
  return json;
}

LoadReport report_from_json(const Json& json) {
  LoadReport report;
  json.at("file").get_to(report.file);
  for (const CountField& field : kCounts) json.at(field.key).get_to(report.*field.value);
  for (const Json& count : json.at("node_types")) {
    report.node_types.push_back({count.at("type"), count.at("nodes"), count.at("isolated")});
  }
  for (const Json& count : json.at("relations")) {
    report.relations.push_back(relation_from_json(count));
  }
  return report;
}

std::string to_summary(const LoadReport& report) {
  std::string text = fmt::format("{}: {} rows, {} edges, {} nodes\n", report.file, report.rows,
                                 report.edges, report.nodes);
  for (const CountField& field : kCounts) {
    const std::int64_t value = report.*field.value;
    if (field.sentence != nullptr && value != 0) {
      text += fmt::format("  {} {}\n", value, field.sentence);
    }
  }
  return text;
}

std::string to_table(const LoadReport& report) {
  std::string text = to_summary(report);
  text += fmt::format("{:>10} {:>10}  node type\n", "nodes", "isolated");
  for (const TypeCount& count : report.node_types) {
    text += fmt::format("{:>10} {:>10}  {}\n", count.nodes, count.isolated, count.type);
  }
  text += fmt::format("{:>10} {:>10} {:>10} {:>10}  relation\n", "rows", "edges", "duplicates",
                      "self-loops");
  for (const RelationCount& count : report.relations) {
    text += fmt::format("{:>10} {:>10} {:>10} {:>10}  ({}, {}, {}){}\n", count.rows, count.edges,
                        count.duplicates, count.self_loops, count.head_type, count.name,
                        count.tail_type, shown_labels(count));
  }
  return text;
}

}  // namespace hgnn_moe::kg
