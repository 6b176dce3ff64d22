// Where a run lives and which checkpoint it goes on from.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <spdlog/logger.h>

namespace hgnn_moe {

// The options of that name.
struct RunRequest {
  std::string checkpoint_dir;
  std::string run_name;
  std::string resume_checkpoint;
};

struct RunLocation {
  std::filesystem::path checkpoint_dir;
  std::string run_name;

  std::filesystem::path folder() const { return checkpoint_dir / run_name; }
};

// checkpoint_dir and run_name, or where resume_checkpoint is a path the run that holds it.
// Throws Error(checkpoint) where the path is no checkpoint, Error(usage) where it belongs to
// another run than run_name.
RunLocation locate_run(const RunRequest& request);

// The checkpoint folder that resume_checkpoint means: the path, or with "auto" the newest intact
// one of the run; damaged newer ones are logged. nullopt for a fresh start.
std::optional<std::filesystem::path> find_resume_checkpoint(const std::string& resume_checkpoint,
                                                            const RunLocation& location,
                                                            spdlog::logger& log);

}  // namespace hgnn_moe
