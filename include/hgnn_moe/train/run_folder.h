// The folder that a run owns, checkpoint_dir/run_name.
#pragma once

#include <filesystem>
#include <string>

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

enum class RunStart {
  fresh,      // the folder must not hold a run
  resume,     // it may hold one, which goes on
  overwrite,  // it may hold one, which is removed
};

// An opened, locked run folder; the lock lasts as long as the object.
class RunFolder {
 public:
  // Creates the folder where it is missing and locks it. Throws Error(usage) where another
  // process has it locked, or it holds a run and `start` is fresh; Error(disk) where it cannot
  // be created or written. Overwriting removes the earlier run's own files and leaves all others.
  static RunFolder open(const std::filesystem::path& checkpoint_dir, const std::string& run_name,
                        RunStart start);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path metrics_file() const { return path_ / "metrics.jsonl"; }
  std::filesystem::path log_file() const { return path_ / "train.log"; }

  std::filesystem::path profile_folder() const;
  std::filesystem::path ablation_folder() const;
  std::filesystem::path tensorboard_folder() const;

  // All atomic. Throw Error(disk).
  void write_config(const Json& config) const;
  void write_summary(const Json& summary) const;
  // Of a checkpoint of this run, whose own summary stays as it is.
  void write_evaluation(const Json& evaluation) const;

 private:
  RunFolder(std::filesystem::path path, FolderLock lock);

  std::filesystem::path path_;
  FolderLock lock_;
};

}  // namespace hgnn_moe
