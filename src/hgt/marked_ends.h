// Which nodes of a block are ends of its edges.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/kg/block.h"

namespace hgnn_moe::hgt {

// Whether each of `count` nodes has an edge: of the sources with &kg::BlockEdges::heads, of the
// destinations with &kg::BlockEdges::tails.
inline std::vector<bool> marked_ends(std::int64_t count,
                                     const std::vector<kg::BlockEdges>& relations,
                                     std::vector<std::int32_t> kg::BlockEdges::* ends) {
  std::vector<bool> marks(static_cast<std::size_t>(count), false);
  for (const kg::BlockEdges& edges : relations) {
    for (const std::int32_t end : edges.*ends) {
      HGNN_MOE_ASSERT(end >= 0 && end < count, "an edge of relation {} ends at {} of {} nodes",
                      edges.relation, end, count);
      marks[static_cast<std::size_t>(end)] = true;
    }
  }
  return marks;
}

}  // namespace hgnn_moe::hgt
