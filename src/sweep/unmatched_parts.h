// Parts of a sweep file that are about rows which its plan does not have.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "hgnn_moe/config/error_list.h"
#include "hgnn_moe/config/settings.h"
#include "hgnn_moe/sweep/sweep_file.h"
#include "hgnn_moe/sweep/sweep_plan.h"

namespace hgnn_moe {

// Compares the file's questions, expected figures and constraints with the rows and the
// combinations that are left out. What can only be a mistake goes into `errors`; returned are
// sentences about what may be meant: what `flags` or constraints are a reason for, a factor without
// a second value, a constraint whose `if` nothing meets. `applied` are the places of all others.
std::vector<std::string> unmatched_parts(const SweepFile& file, const SweepPlan& plan,
                                         const Settings& flags,
                                         const std::set<std::string>& applied, ErrorList& errors);

}  // namespace hgnn_moe
