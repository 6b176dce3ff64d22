// The table of a profile for people and for programs.
#pragma once

#include <string>

#include "profile_table.h"

#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

// Lines that end in a newline: the sections, then the coupler's operations. What takes less than
// a hundredth of the coupler is summed up in one line.
std::string profile_text(const ProfileTable& table, const std::string& device);

// All of the table: {steps, device, times, step_ms, sections: [...], kernels: [...]}.
Json profile_record(const ProfileTable& table, const std::string& device);

}  // namespace hgnn_moe
