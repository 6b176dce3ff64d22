// A sweep's runs for a scheduler.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/sweep/sweep_records.h"
#include "hgnn_moe/sweep/sweep_runner.h"

namespace hgnn_moe {

struct ExportedSweep {
  std::filesystem::path file;  // what was written; empty where there are no runs
  std::size_t runs = 0;
  std::size_t waiting = 0;  // rows whose length the sweep itself has yet to choose (match_time)
};

// Writes into the sweep's folder the options of every run that is not done and commands.txt, a
// command line a run, with the threads that `share` gives each; or for `slurm` sweep.sbatch, an
// array job over the lines of a commands-HASH.txt of its own. Throws Error(disk).
ExportedSweep export_sweep(const SweepRecords& records, SweepExport kind,
                           const MachineShare& share);

// `text` as one word of a POSIX shell.
std::string shell_word(const std::string& text);

}  // namespace hgnn_moe
