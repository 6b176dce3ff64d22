// What a sweep's groups multiply out to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/sweep/sweep_file.h"
#include "hgnn_moe/sweep/sweep_plan.h"

namespace hgnn_moe {

// One run but for its seed.
struct Combination {
  std::optional<std::string> name;  // of a point
  Settings varied;                  // what grid, zip or point give it
  Settings settings;                // with the base under them and `flags` over them
};

// All of a group in the file's order: the first option of the grid changes slowest, points come
// last. Those that a constraint leaves out go into `left_out`.
std::vector<Combination> combinations_of(const SweepGroup& group, const Settings& flags,
                                         std::vector<LeftOutCombination>& left_out);

}  // namespace hgnn_moe
