// The command line of one row's run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hgnn_moe/sweep/sweep_plan.h"

namespace hgnn_moe {

// RUN/options.json: the row's settings as a configuration file.
std::filesystem::path row_options_file(const std::filesystem::path& run_folder);
void write_row_options(const SweepRow& row, const std::filesystem::path& run_folder);

// Flags of a run that goes on where it was, or begins.
std::vector<std::string> row_arguments(const std::filesystem::path& run_folder);

}  // namespace hgnn_moe
