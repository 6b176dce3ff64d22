// Where a run lives and which checkpoint it goes on from.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <spdlog/logger.h>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/train/checkpoint.h"
#include "hgnn_moe/train/metrics.h"
#include "hgnn_moe/train/run_folder.h"
#include "hgnn_moe/train/training_state.h"

namespace hgnn_moe {

// The options of that name.
struct RunRequest {
  std::string checkpoint_dir;
  std::string run_name;
  std::string resume_checkpoint;
  bool overwrite = false;

  RunStart start() const;
};

struct RunLocation {
  std::filesystem::path checkpoint_dir;
  std::string run_name;

  std::filesystem::path folder() const { return checkpoint_dir / run_name; }
};

// checkpoint_dir and run_name, or where resume_checkpoint is a path the run that holds it.
// Throws Error(checkpoint) where the path is no checkpoint, Error(usage) where it belongs to
// another run than run_name or where the working folder is not UTF-8, so that no record could hold
// its paths.
RunLocation locate_run(const RunRequest& request);

// The checkpoint folder that resume_checkpoint means: the path, the one that a run's file `latest`
// or `best` at that path names, or with "auto" the newest intact
// one of the run; damaged newer ones are logged. nullopt for a fresh start.
std::optional<VerifiedCheckpoint> find_resume_checkpoint(const std::string& resume_checkpoint,
                                                         const RunLocation& location,
                                                         spdlog::logger& log);

// Where a run begins: with nothing but `fingerprint`, or where it stood when
// `checkpoint` was saved, whose tensors are copied into `tensors`. What the run folder holds of
// later steps is removed. Throws Error(usage) where the checkpoint is of another run
// (check_resume), Error(checkpoint) where it is damaged or does not fit its metrics.
TrainingState begin_run(const Json& fingerprint,
                        const std::optional<VerifiedCheckpoint>& checkpoint,
                        const std::filesystem::path& run_folder, const CheckpointTensors& tensors,
                        MetricsWriter& metrics, spdlog::logger& log);

}  // namespace hgnn_moe
