// The folder RUN/checkpoints: names, the pointers `latest` and `best`, and upkeep. Nothing here
// looks inside a checkpoint. The caller holds the run folder's lock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace hgnn_moe {

struct CheckpointEntry {
  std::int64_t step = 0;
  std::filesystem::path folder;
};

enum class CheckpointPointer { latest, best };

std::filesystem::path checkpoints_folder(const std::filesystem::path& run_folder);

// "step-00000020"
std::string checkpoint_name(std::int64_t step);

// The step that a checkpoint's name gives; nullopt for any other name.
std::optional<std::int64_t> checkpoint_step(const std::string& name);

// The checkpoints of a run, oldest first; empty where the run has none.
std::vector<CheckpointEntry> list_checkpoints(const std::filesystem::path& run_folder);

// The checkpoint that the file `latest` or `best` names; nullopt where the file or the
// checkpoint is missing.
std::optional<CheckpointEntry> read_pointer(const std::filesystem::path& run_folder,
                                            CheckpointPointer pointer);

// The checkpoint that `best` names where it is of a step before `step`, else the newest such;
// nullopt where the run has none.
std::optional<CheckpointEntry> best_checkpoint_before(const std::filesystem::path& run_folder,
                                                      std::int64_t step);

// The checkpoint that `path` names where it is such a file, e.g. RUN/checkpoints/best; any other
// path as it is. Throws Error(checkpoint) where the checkpoint that it names is missing.
std::filesystem::path follow_pointer(const std::filesystem::path& path);

// Makes the file name checkpoint `step`. Throws Error(disk).
void write_pointer(const std::filesystem::path& run_folder, CheckpointPointer pointer,
                   std::int64_t step);

// A new empty folder in which a checkpoint is assembled. The name is hidden, so that neither a
// reader nor a resume takes it for a checkpoint.
std::filesystem::path create_staging_folder(const std::filesystem::path& run_folder,
                                            std::int64_t step);

// Gives a staging folder, whose files are durable, its final name. A checkpoint of the same step
// is replaced. Returns the new path. Throws Error(disk).
std::filesystem::path publish_staging_folder(const std::filesystem::path& staging,
                                             std::int64_t step);

// Removes what a killed process left: hidden folders and temporary pointer files.
void remove_leftovers(const std::filesystem::path& run_folder);

// Keeps the checkpoint that `best` names and, beside it, the `keep` newest; the newest of all
// stays in any case, because `latest` names it.
void prune_checkpoints(const std::filesystem::path& run_folder, std::int64_t keep);

// For a resume from `step`: removes later checkpoints, newest first, and points `latest` at
// `step` and `best` at `best_step`, or at nothing where that checkpoint is gone. Call it before
// metrics.jsonl is truncated: killed in between, every checkpoint left still finds its metrics.
void remove_checkpoints_after(const std::filesystem::path& run_folder, std::int64_t step,
                              std::int64_t best_step);

}  // namespace hgnn_moe
