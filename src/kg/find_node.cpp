#include "hgnn_moe/kg/find_node.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"

namespace hgnn_moe::kg {
namespace {

constexpr std::size_t kShown = 5;  // suggestions in an error

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// "drug:DB00945 (Aspirin, #12)"
std::string description(const Graph& graph, std::int32_t node) {
  const std::string& type = graph.node_types[type_of_node(graph, node)].name;
  return fmt::format("{}:{} ({}, #{})", type, graph.node_ids[node], graph.node_names[node], node);
}

std::string descriptions(const Graph& graph, const std::vector<std::int32_t>& nodes) {
  std::vector<std::string> parts;
  for (const std::int32_t node : nodes) {
    if (parts.size() == kShown) {
      parts.push_back(fmt::format("{} more", nodes.size() - kShown));
      break;
    }
    parts.push_back(description(graph, node));
  }
  return join(parts, ", ");
}

// The number behind '#'.
std::int32_t node_at(const Graph& graph, std::string_view text) {
  std::int32_t node = -1;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + 1, end, node);
  if (error != std::errc() || stop != end || node < 0 || node >= graph.node_count()) {
    fail(ExitCode::usage, "there is no node '{}'; give a number from #0 to #{}", text,
         graph.node_count() - 1);
  }
  return node;
}

// What is asked for, in the forms that it is compared in.
class Query {
 public:
  Query(const Graph& graph, std::string_view text) : graph_(graph), id_(text), name_(lower(text)) {
    for (const NodeType& type : graph.node_types) {
      const std::string prefix = lower(type.name) + ":";
      const bool is_prefix = name_.compare(0, prefix.size(), prefix) == 0;
      typed_ids_.push_back(is_prefix ? text.substr(prefix.size()) : std::string_view());
    }
  }

  bool names(std::int32_t type, std::int32_t node) const {
    const std::string_view id = graph_.node_ids[node];
    if (id_.empty()) return false;
    if (id == id_ || (!typed_ids_[type].empty() && id == typed_ids_[type])) return true;
    const std::string_view name = graph_.node_names[node];
    return name.size() == name_.size() && lower(name) == name_;
  }

  // Lower is nearer: what begins with the text, what holds it, what a few edits turn into it.
  // Neither 3 nor above is near.
  std::tuple<int, std::size_t> distance(std::int32_t node) const {
    return std::min(distance(lower(graph_.node_names[node])),
                    distance(lower(graph_.node_ids[node])));
  }

 private:
  std::tuple<int, std::size_t> distance(const std::string& candidate) const {
    const std::size_t found = candidate.find(name_);
    if (found != std::string::npos) return {found == 0 ? 0 : 1, candidate.size() - name_.size()};
    // As many edits as closest_match (base/text.h) allows.
    const std::size_t limit = std::max<std::size_t>(1, name_.size() / 3);
    const std::size_t lengths =
        std::max(candidate.size(), name_.size()) - std::min(candidate.size(), name_.size());
    const std::size_t edits = lengths > limit ? limit + 1 : edit_distance(name_, candidate);
    return {edits <= limit ? 2 : 3, edits};
  }

  const Graph& graph_;
  std::string_view id_;
  std::string name_;                         // small letters
  std::vector<std::string_view> typed_ids_;  // what follows each type's name; "" where it is not it
};

std::vector<std::int32_t> nodes_named(const Graph& graph, const Query& query) {
  std::vector<std::int32_t> found;
  for (std::size_t t = 0; t < graph.node_types.size(); ++t) {
    const NodeType& type = graph.node_types[t];
    for (std::int32_t node = type.first; node < type.first + type.count; ++node) {
      if (query.names(static_cast<std::int32_t>(t), node)) found.push_back(node);
    }
  }
  return found;
}

// The nearest first.
std::vector<std::int32_t> nodes_near(const Query& query, const NodeType& among) {
  std::vector<std::tuple<std::tuple<int, std::size_t>, std::int32_t>> near;
  for (std::int32_t node = among.first; node < among.first + among.count; ++node) {
    const auto distance = query.distance(node);
    if (std::get<0>(distance) < 3) near.emplace_back(distance, node);
  }
  const auto shown = static_cast<std::ptrdiff_t>(std::min(kShown, near.size()));
  std::partial_sort(near.begin(), near.begin() + shown, near.end());
  std::vector<std::int32_t> nodes;
  for (std::ptrdiff_t i = 0; i < shown; ++i) nodes.push_back(std::get<1>(near[i]));
  return nodes;
}

[[noreturn]] void fail_without_match(const Graph& graph, std::string_view text, const Query& query,
                                     const NodeType& among) {
  const std::vector<std::int32_t> near =
      text.empty() ? std::vector<std::int32_t>() : nodes_near(query, among);
  fail(ExitCode::usage, "there is no {} '{}'; {}", among.name, text,
       near.empty() ? "give an id, a name, TYPE:ID or #NUMBER"
                    : "did you mean " + descriptions(graph, near) + "?");
}

}  // namespace

std::int32_t find_node(const Graph& graph, std::string_view text,
                       std::optional<std::int32_t> node_type) {
  const NodeType everything{"node", 0, graph.node_count()};
  const NodeType& among = node_type ? graph.node_types[*node_type] : everything;
  const Query query(graph, text);
  const std::vector<std::int32_t> found = text.substr(0, 1) == "#"
                                              ? std::vector<std::int32_t>{node_at(graph, text)}
                                              : nodes_named(graph, query);
  std::vector<std::int32_t> fitting;
  std::copy_if(found.begin(), found.end(), std::back_inserter(fitting),
               [&](std::int32_t node) { return among.contains(node); });
  if (fitting.size() == 1) return fitting.front();
  if (fitting.size() > 1) {
    fail(ExitCode::usage, "'{}' may be any of {}; give one of their numbers", text,
         descriptions(graph, fitting));
  }
  if (!found.empty()) {
    fail(ExitCode::usage, "'{}' is {}, no {}; give one of that type", text,
         descriptions(graph, found), among.name);
  }
  fail_without_match(graph, text, query, among);
}

}  // namespace hgnn_moe::kg
