#include "hgnn_moe/train/checkpoint_folder.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <fmt/format.h>

#include "folder_tools.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;

constexpr char kStepPrefix[] = "step-";
constexpr char kHiddenPrefix[] = ".tmp-";
constexpr char kLatestFile[] = "latest";
constexpr char kBestFile[] = "best";

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

fs::path pointer_file(const fs::path& run_folder, CheckpointPointer pointer) {
  return checkpoints_folder(run_folder) /
         (pointer == CheckpointPointer::best ? kBestFile : kLatestFile);
}

// The step of the checkpoint that the file names; nullopt where it is missing or names none.
std::optional<std::int64_t> named_step(const fs::path& file) {
  if (!fs::exists(file)) {
    return std::nullopt;
  }
  std::string name = read_text_file(file, ExitCode::checkpoint);
  if (!name.empty() && name.back() == '\n') {
    name.pop_back();
  }
  return checkpoint_step(name);
}

// Moves a checkpoint out of sight and returns where to.
fs::path hide_checkpoint(const fs::path& folder) {
  const fs::path hidden =
      folder.parent_path() / (std::string(kHiddenPrefix) + "removed-" + folder.filename().string());
  remove_tree(hidden);
  rename_path(folder, hidden);
  return hidden;
}

// Out of sight first: a process killed in the middle leaves no half checkpoint under its name.
void remove_checkpoint(const fs::path& folder) { remove_tree(hide_checkpoint(folder)); }

}  // namespace

fs::path checkpoints_folder(const fs::path& run_folder) { return run_folder / "checkpoints"; }

std::string checkpoint_name(std::int64_t step) {
  return fmt::format("{}{:08d}", kStepPrefix, step);
}

std::optional<std::int64_t> checkpoint_step(const std::string& name) {
  if (!starts_with(name, kStepPrefix)) {
    return std::nullopt;
  }
  std::int64_t step = 0;
  const char* digits = name.data() + std::string(kStepPrefix).size();
  const auto [end, error] = std::from_chars(digits, name.data() + name.size(), step);
  // Comparing with the canonical spelling refuses signs, trailing text and missing zeros.
  if (error != std::errc() || step < 0 || name != checkpoint_name(step)) {
    return std::nullopt;
  }
  return step;
}

std::vector<CheckpointEntry> list_checkpoints(const fs::path& run_folder) {
  std::vector<CheckpointEntry> entries;
  for (const fs::path& path : list_folder(checkpoints_folder(run_folder))) {
    if (const auto step = checkpoint_step(path.filename().string())) {
      entries.push_back({*step, path});
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const CheckpointEntry& a, const CheckpointEntry& b) { return a.step < b.step; });
  return entries;
}

std::optional<CheckpointEntry> read_pointer(const fs::path& run_folder, CheckpointPointer pointer) {
  const auto step = named_step(pointer_file(run_folder, pointer));
  if (!step) {
    return std::nullopt;
  }
  const fs::path folder = checkpoints_folder(run_folder) / checkpoint_name(*step);
  if (!fs::is_directory(folder)) {
    return std::nullopt;
  }
  return CheckpointEntry{*step, folder};
}

std::optional<CheckpointEntry> best_checkpoint_before(const fs::path& run_folder,
                                                      std::int64_t step) {
  const auto best = read_pointer(run_folder, CheckpointPointer::best);
  if (best && best->step < step) return best;
  const std::vector<CheckpointEntry> entries = list_checkpoints(run_folder);
  const auto newest = std::find_if(entries.rbegin(), entries.rend(),
                                   [&](const CheckpointEntry& entry) { return entry.step < step; });
  return newest == entries.rend() ? std::nullopt : std::optional(*newest);
}

fs::path follow_pointer(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name != kLatestFile && name != kBestFile) return path;
  const auto pointer = name == kBestFile ? CheckpointPointer::best : CheckpointPointer::latest;
  const fs::path run_folder = fs::absolute(path).parent_path().parent_path();
  if (pointer_file(run_folder, pointer) != fs::absolute(path)) return path;
  const auto step = named_step(path);
  if (!step) return path;
  if (const auto entry = read_pointer(run_folder, pointer)) return entry->folder;
  const std::vector<CheckpointEntry> entries = list_checkpoints(run_folder);
  fail(ExitCode::checkpoint, "'{}' names the checkpoint {}, which is missing; {}", path.string(),
       checkpoint_name(*step),
       entries.empty() ? "restore it or take another run"
                       : fmt::format("restore it or give '{}'", entries.back().folder.string()));
}

void write_pointer(const fs::path& run_folder, CheckpointPointer pointer, std::int64_t step) {
  write_file_atomically(pointer_file(run_folder, pointer), checkpoint_name(step) + "\n");
}

fs::path create_staging_folder(const fs::path& run_folder, std::int64_t step) {
  const fs::path staging = checkpoints_folder(run_folder) / (kHiddenPrefix + checkpoint_name(step));
  remove_tree(staging);
  hgnn_moe::create_directories(staging);
  return staging;
}

fs::path publish_staging_folder(const fs::path& staging, std::int64_t step) {
  const fs::path folder = staging.parent_path() / checkpoint_name(step);
  sync_directory(staging);
  std::optional<fs::path> replaced;  // removed when the new one is there, which takes its time
  if (fs::exists(folder)) replaced = hide_checkpoint(folder);
  rename_path(staging, folder);
  sync_directory(folder.parent_path());
  if (replaced) remove_tree(*replaced);
  return folder;
}

void remove_leftovers(const fs::path& run_folder) {
  for (const fs::path& path : list_folder(checkpoints_folder(run_folder))) {
    const std::string name = path.filename().string();
    if (starts_with(name, kHiddenPrefix) || is_leftover_of(name, kLatestFile) ||
        is_leftover_of(name, kBestFile)) {
      remove_tree(path);
    }
  }
}

void prune_checkpoints(const fs::path& run_folder, std::int64_t keep) {
  const auto best = read_pointer(run_folder, CheckpointPointer::best);
  const std::vector<CheckpointEntry> entries = list_checkpoints(run_folder);
  std::int64_t kept = 0;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (best && entry->step == best->step) {
      continue;
    }
    if (kept < keep || entry == entries.rbegin()) {
      ++kept;
    } else {
      remove_checkpoint(entry->folder);
    }
  }
}

void remove_checkpoints_after(const fs::path& run_folder, std::int64_t step,
                              std::int64_t best_step) {
  const std::vector<CheckpointEntry> entries = list_checkpoints(run_folder);
  for (auto entry = entries.rbegin(); entry != entries.rend() && entry->step > step; ++entry) {
    remove_checkpoint(entry->folder);
  }
  const auto point_or_remove = [&](CheckpointPointer pointer, std::int64_t target) {
    if (fs::exists(checkpoints_folder(run_folder) / checkpoint_name(target))) {
      write_pointer(run_folder, pointer, target);
    } else {
      remove_tree(pointer_file(run_folder, pointer));
    }
  };
  point_or_remove(CheckpointPointer::latest, step);
  point_or_remove(CheckpointPointer::best, best_step);
}

}  // namespace hgnn_moe
