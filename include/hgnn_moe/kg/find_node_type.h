// Types of nodes by their names.
#pragma once

#include <cstdint>
#include <string_view>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

// The index in graph.node_types. Throws Error(usage) where there is none of that name, with those
// that there are.
std::int32_t find_node_type(const Graph& graph, std::string_view name);

}  // namespace hgnn_moe::kg
