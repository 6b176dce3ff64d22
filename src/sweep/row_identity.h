// What tells the rows of a sweep apart: varied options, hash and folder name.
#pragma once

#include <string>
#include <vector>

#include "hgnn_moe/sweep/sweep_plan.h"

namespace hgnn_moe {

// The options whose values differ between rows, in table order. The seed is not among them, nor
// what a match chose where the file varies nothing.
std::vector<std::string> varied_options(const std::vector<SweepRow>& rows);

// Values of `varied` as they were given; null where the run decides.
Json varied_values(const SweepRow& row, const std::vector<std::string>& varied);

// 32 hex digits over what the resolved configuration has beside the defaults, without what does not
// change results (where the run goes, on which machine, what is written), unless that is varied;
// over the contents of its data, hyperedges and first weights; and over `time_reference_hash`, ""
// where there is none.
std::string hash_of(const SweepRow& row, const std::vector<std::string>& varied,
                    const std::string& time_reference_hash);

// "embed_dim-128_coupler_type-GNN_seed-1_0123abcd"
std::string id_of(const SweepRow& row);

}  // namespace hgnn_moe
