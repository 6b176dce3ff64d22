#include "hgnn_moe/kg/find_relations.h"

#include <algorithm>
#include <string>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/sort_unique.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/kg/metaedges.h"

namespace hgnn_moe::kg {
namespace {

[[noreturn]] void fail_for_unknown(const Graph& graph, std::string_view text) {
  std::vector<std::string> names;
  for (const Relation& relation : graph.relations) {
    names.push_back(text.substr(0, 1) == "(" ? relation_title(graph, relation) : relation.name);
  }
  sort_unique(names);
  const auto match = closest_match(text, names);
  fail(ExitCode::usage, "the graph has no relation '{}'; {}", text,
       match ? "did you mean " + *match + "?" : "it has " + join(names, ", "));
}

}  // namespace

std::vector<std::int32_t> find_relations(const Graph& graph, std::string_view given) {
  // Where the graph has a relation of that very name, it is no abbreviation.
  const bool is_name = std::any_of(graph.relations.begin(), graph.relations.end(),
                                   [&](const Relation& one) { return one.name == given; });
  const std::string text =
      is_name ? std::string(given) : title_of_metaedge(given).value_or(std::string(given));
  std::vector<std::int32_t> found;
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    const Relation& relation = graph.relations[r];
    if (relation.name == text || relation_title(graph, relation) == text) {
      found.push_back(static_cast<std::int32_t>(r));
    }
  }
  if (found.empty()) fail_for_unknown(graph, given);
  return found;
}

std::vector<std::int32_t> find_relations(const Graph& graph,
                                         const std::vector<std::string>& texts) {
  std::vector<std::int32_t> all;
  for (const std::string& text : texts) {
    const std::vector<std::int32_t> found = find_relations(graph, text);
    all.insert(all.end(), found.begin(), found.end());
  }
  sort_unique(all);
  return all;
}

}  // namespace hgnn_moe::kg
