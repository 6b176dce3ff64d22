#include "hgnn_moe/kg/find_node_type.h"

#include <string>
#include <vector>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"

namespace hgnn_moe::kg {

std::int32_t find_node_type(const Graph& graph, std::string_view name) {
  std::vector<std::string> names;
  for (std::size_t t = 0; t < graph.node_types.size(); ++t) {
    if (graph.node_types[t].name == name) return static_cast<std::int32_t>(t);
    names.push_back(graph.node_types[t].name);
  }
  const auto match = closest_match(name, names);
  fail(ExitCode::usage, "the graph has no nodes of type '{}'; {}", name,
       match ? "did you mean " + *match + "?" : "it has " + join(names, ", "));
}

}  // namespace hgnn_moe::kg
