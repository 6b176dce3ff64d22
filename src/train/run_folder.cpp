#include "hgnn_moe/train/run_folder.h"

#include <array>
#include <utility>

#include "folder_tools.h"

#include "hgnn_moe/train/checkpoint_folder.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;

constexpr char kConfigFile[] = "config.json";
constexpr char kSummaryFile[] = "run_summary.json";
constexpr char kEvaluationFile[] = "evaluation.json";
constexpr char kProfileFolder[] = "profile";
constexpr char kAblationFolder[] = "ablation";
constexpr char kTensorBoardFolder[] = "tensorboard";

// What a run writes, in the order in which overwriting removes it. The three that mark a folder
// as occupied come last: a process killed half-way leaves a folder that is still refused.
constexpr std::array<const char*, 11> kRunEntries = {
    "plots",         kTensorBoardFolder, kProfileFolder,
    kAblationFolder, kEvaluationFile,    "embeddings.safetensors",
    kSummaryFile,    "train.log",        "metrics.jsonl",
    "checkpoints",   kConfigFile};
constexpr std::array<const char*, 3> kOccupiedBy = {kConfigFile, "metrics.jsonl", "checkpoints"};

void refuse_occupied(const fs::path& folder) {
  for (const char* name : kOccupiedBy) {
    if (fs::exists(folder / name)) {
      fail(ExitCode::usage,
           "'{}' already holds a run (it has {}): pass --resume_checkpoint auto to go on with it, "
           "--overwrite to replace it, or another --run_name",
           folder.string(), name);
    }
  }
}

// A process killed while it wrote left these; the lock says that no other one is writing now.
void remove_leftover_files(const fs::path& folder) {
  for (const fs::path& path : list_folder(folder)) {
    const std::string name = path.filename().string();
    if (is_leftover_of(name, kConfigFile) || is_leftover_of(name, kSummaryFile) ||
        is_leftover_of(name, kEvaluationFile)) {
      remove_tree(path);
    }
  }
  for (const fs::path& path : list_folder(folder / kProfileFolder)) {
    if (path.extension() == ".tmp") remove_tree(path);
  }
  remove_leftovers(folder);
}

}  // namespace

RunFolder::RunFolder(fs::path path, FolderLock lock)
    : path_(std::move(path)), lock_(std::move(lock)) {}

RunFolder RunFolder::open(const fs::path& checkpoint_dir, const std::string& run_name,
                          RunStart start) {
  const fs::path folder = checkpoint_dir / run_name;
  hgnn_moe::create_directories(folder);
  RunFolder run(folder, FolderLock::acquire(folder));
  if (start == RunStart::fresh) {
    refuse_occupied(folder);
  }
  if (start == RunStart::overwrite) {
    for (const char* name : kRunEntries) {
      remove_tree(folder / name);
    }
  }
  remove_leftover_files(folder);
  return run;
}

fs::path RunFolder::profile_folder() const { return path_ / kProfileFolder; }

fs::path RunFolder::ablation_folder() const { return path_ / kAblationFolder; }

fs::path RunFolder::tensorboard_folder() const { return path_ / kTensorBoardFolder; }

void RunFolder::write_config(const Json& config) const {
  write_file_atomically(path_ / kConfigFile, config.dump(2) + "\n");
}

void RunFolder::write_summary(const Json& summary) const {
  write_file_atomically(path_ / kSummaryFile, summary.dump(2) + "\n");
}

void RunFolder::write_evaluation(const Json& evaluation) const {
  write_file_atomically(path_ / kEvaluationFile, evaluation.dump(2) + "\n");
}

}  // namespace hgnn_moe
