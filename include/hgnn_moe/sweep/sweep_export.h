// A sweep's runs for a scheduler.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/sweep/sweep_records.h"

namespace hgnn_moe {

struct ExportedSweep {
  std::filesystem::path file;  // what was written
  std::size_t runs = 0;
  std::size_t waiting = 0;  // rows that match_time keeps until their references are done
};

// Writes commands.txt, a command line a run, and for `slurm` sweep.sbatch, an array job over its
// lines, into the sweep's folder, with the options of every run that is not done. Throws
// Error(disk).
ExportedSweep export_sweep(const SweepRecords& records, SweepExport kind);

// `text` as one word of a POSIX shell.
std::string shell_word(const std::string& text);

}  // namespace hgnn_moe
