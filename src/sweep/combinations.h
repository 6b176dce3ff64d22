// What a sweep's groups multiply out to.
#pragma once

#include <optional>
#include <set>
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

// {option: value}
Json values_of(const Settings& settings);

// What the constraints of groups have done.
struct ConstraintEffects {
  std::vector<LeftOutCombination> left_out;
  std::set<std::string> applied;  // places of those whose `if` a combination has met
};

// All of a group in the file's order: the first option of the grid changes slowest, points come
// last. Those that a constraint leaves out go into `effects`.
std::vector<Combination> combinations_of(const SweepGroup& group, const Settings& flags,
                                         ConstraintEffects& effects);

// How many rows the group describes, whatever its constraints leave out; not made to count them.
double number_of_rows(const SweepGroup& group);

}  // namespace hgnn_moe
