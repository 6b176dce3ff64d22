// Tables of a sweep for people.
#pragma once

#include <string>

#include "hgnn_moe/sweep/sweep_records.h"
#include "hgnn_moe/sweep/time_estimate.h"

namespace hgnn_moe {

// What --sweep_dry_run prints: a line a run with parameters, memory, steps, estimated time and
// notes; the combinations that are left out with their constraints; and the totals of what is still
// to be run, `jobs` side by side.
std::string plan_table(const SweepRecords& records, TimeEstimator& times, std::int64_t jobs);

// The rows that are not done, each with its reason; a message stands at the first that has it.
std::string table_of_failures(const SweepRecords& records);

}  // namespace hgnn_moe
