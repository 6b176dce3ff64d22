// Nodes by what a user calls them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

// The node that `text` names, of one type where `node_type` is given:
//
//   DB00945          its id
//   aspirin          its name; capital and small letters (of ASCII) are alike
//   drug:DB00945     its type and id
//   #12              its number
//
// Plain digits are an id, never a number: many data bases number what they hold. Throws
// Error(usage) where several nodes or none are meant, with those that may be.
std::int32_t find_node(const Graph& graph, std::string_view text,
                       std::optional<std::int32_t> node_type = std::nullopt);

}  // namespace hgnn_moe::kg
