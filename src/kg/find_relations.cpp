#include "hgnn_moe/kg/find_relations.h"

#include <algorithm>
#include <string>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"

namespace hgnn_moe::kg {
namespace {

[[noreturn]] void fail_for_unknown(const Graph& graph, std::string_view text) {
  std::vector<std::string> names;
  for (const Relation& relation : graph.relations) {
    names.push_back(text.substr(0, 1) == "(" ? relation_title(graph, relation) : relation.name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const auto match = closest_match(text, names);
  fail(ExitCode::usage, "the graph has no relation '{}'; {}", text,
       match ? "did you mean " + *match + "?" : "it has " + join(names, ", "));
}

}  // namespace

std::vector<std::int32_t> find_relations(const Graph& graph, std::string_view text) {
  std::vector<std::int32_t> found;
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    const Relation& relation = graph.relations[r];
    if (relation.name == text || relation_title(graph, relation) == text) {
      found.push_back(static_cast<std::int32_t>(r));
    }
  }
  if (found.empty()) fail_for_unknown(graph, text);
  return found;
}

}  // namespace hgnn_moe::kg
