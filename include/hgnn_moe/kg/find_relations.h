// Relations by what a user calls them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

// `text` is a relation's name, or its title "(head type, name, tail type)" where several share the
// name, or Hetionet's abbreviation of a title, "CtD". Ascending: all of a name. Throws Error(usage)
// where there is none.
std::vector<std::int32_t> find_relations(const Graph& graph, std::string_view text);

// Those of all texts, ascending; none of none.
std::vector<std::int32_t> find_relations(const Graph& graph, const std::vector<std::string>& texts);

}  // namespace hgnn_moe::kg
