#include "hgnn_moe/train/checkpoint.h"

#include <algorithm>
#include <iterator>
#include <system_error>

#include <ATen/ATen.h>

#include "hgnn_moe/base/hash.h"
#include "hgnn_moe/base/safetensors.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/train/checkpoint_folder.h"
#include "hgnn_moe/train/fingerprint.h"
#include "hgnn_moe/train/tensor_file.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;

// Removes the folder unless it has been published: a failed save gives its space back.
class StagingFolder {
 public:
  StagingFolder(const fs::path& run_folder, std::int64_t step)
      : step_(step), path_(create_staging_folder(run_folder, step)) {}
  ~StagingFolder() {
    std::error_code ignored;  // what stays behind is removed by the next save
    fs::remove_all(path_, ignored);
  }
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;

  const fs::path& path() const { return path_; }
  fs::path publish() { return publish_staging_folder(path_, step_); }

 private:
  std::int64_t step_;
  fs::path path_;
};

// Throws Error(checkpoint) naming the damaged file, without advice.
TrainingState check_files(const fs::path& checkpoint) {
  const SavedState saved = read_saved_state(checkpoint / kStateFile);
  for (const char* name : {kModelFile, kOptimizerFile}) {
    const auto expected = saved.checksums.find(name);
    const fs::path path = checkpoint / name;
    if (expected == saved.checksums.end()) {
      fail(ExitCode::checkpoint, "'{}' has no checksum of {}", (checkpoint / kStateFile).string(),
           name);
    }
    const std::string found = xxh3_hex_of_file(path, ExitCode::checkpoint);
    if (found != expected->second) {
      fail(ExitCode::checkpoint, "'{}' is damaged: its checksum is {}, {} has {}", path.string(),
           found, kStateFile, expected->second);
    }
  }
  return saved.state;
}

// The path without "." and a trailing slash, so that its name and parents can be read off.
fs::path normal_path(const fs::path& path) {
  const fs::path normal = fs::absolute(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

std::string advice_instead_of(const fs::path& checkpoint) {
  const fs::path path = normal_path(checkpoint);
  const fs::path run_folder = path.parent_path().parent_path();
  if (const auto damaged_step = checkpoint_step(path.filename().string())) {
    const std::vector<CheckpointEntry> entries = list_checkpoints(run_folder);
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (entry->step >= *damaged_step) {
        continue;
      }
      try {
        check_files(entry->folder);
        return fmt::format("use {}, the newest earlier checkpoint that is intact",
                           entry->folder.filename().string());
      } catch (const Error&) {
        // The next older one may do.
      }
    }
  }
  return "there is no earlier checkpoint that is intact, so train anew with --overwrite or "
         "another --run_name";
}

constexpr std::size_t kMostMismatches = 10;

void throw_mismatches(const fs::path& path, std::vector<std::string> mismatches) {
  if (mismatches.empty()) return;
  if (mismatches.size() > kMostMismatches) {
    const std::size_t more = mismatches.size() - kMostMismatches;
    mismatches.resize(kMostMismatches);
    mismatches.push_back(fmt::format("and {} more", more));
  }
  fail(ExitCode::checkpoint,
       "'{}' does not fit this model; give the options it was trained with, or choose another "
       "file. Differences:\n{}",
       path.string(), join(mismatches, "\n"));
}

// Throws where the checkpoint that the file lies in was trained with other model options: they say
// in a few lines what every tensor would. `noted` are the differences of its notes.
void throw_other_options(const fs::path& model_path, const std::vector<std::string>& noted,
                         const Json& options) {
  const fs::path checkpoint = model_path.parent_path();
  if (!fs::exists(checkpoint / kStateFile)) return;
  const Json saved = read_saved_state(checkpoint / kStateFile).state.fingerprint;
  std::vector<std::string> differences = compare_model_options(saved, options);
  if (differences.empty()) return;
  // Hyperedges are no option of the fingerprint, and another number of experts has others.
  const auto is_of = [](const std::string& sentence, const std::string& name) {
    return sentence.rfind(name + ": ", 0) == 0;
  };
  const auto is_of_experts = [&](const std::string& line) { return is_of(line, "num_experts"); };
  if (std::none_of(differences.begin(), differences.end(), is_of_experts)) {
    std::copy_if(noted.begin(), noted.end(), std::back_inserter(differences),
                 [&](const std::string& line) { return is_of(line, "hyperedges_hash"); });
  }
  const fs::path config = fs::absolute(checkpoint).parent_path().parent_path() / "config.json";
  std::string message = fmt::format(
      "'{}' was trained with other options of the model; give these as they were, or choose "
      "another file",
      model_path.string());
  if (fs::exists(config)) message += fmt::format(" ('{}' has all of them)", config.string());
  throw Error(ExitCode::checkpoint, message + "\n  " + join(differences, "\n  "));
}

// Copies the weights of a file that is intact as far as anybody can know.
void load_weight_file(const fs::path& model_path, const ParameterList& parameters,
                      const WeightNotes& notes, const Json& options) {
  const SafetensorsFile file(model_path, ExitCode::checkpoint);
  std::vector<std::string> mismatches = note_differences(file.metadata(), notes);
  const auto of_tensors = tensor_mismatches(file, parameters, TypeRule::any_float);
  if (!of_tensors.empty()) throw_other_options(model_path, mismatches, options);
  mismatches.insert(mismatches.end(), of_tensors.begin(), of_tensors.end());
  throw_mismatches(model_path, mismatches);
  copy_tensors(file, parameters);
  if (const NamedParameter* ruined = first_not_finite(parameters)) {
    fail(ExitCode::checkpoint, "'{}' holds a value in {} that is not finite; take other weights",
         model_path.string(), ruined->name);
  }
}

}  // namespace

CheckpointTensors checkpoint_tensors(const AdamW& optimizer) {
  return {optimizer.parameters(), optimizer.state()};
}

fs::path save_checkpoint(const fs::path& run_folder, const CheckpointTensors& tensors,
                         const TrainingState& state, const WeightNotes& notes) {
  if (const NamedParameter* ruined = first_not_finite(tensors.parameters)) {
    fail(ExitCode::diverged, "step {}: {} holds a value that is not finite", state.step,
         ruined->name);
  }
  remove_leftovers(run_folder);
  StagingFolder staging(run_folder, state.step);

  std::map<std::string, std::string> model_metadata = notes;
  model_metadata["format"] = "pt";  // what PyTorch's readers of safetensors look for
  SavedState saved{state, {}};
  saved.checksums[kModelFile] =
      save_tensors(staging.path() / kModelFile, tensors.parameters, model_metadata);
  saved.checksums[kOptimizerFile] =
      save_tensors(staging.path() / kOptimizerFile, tensors.optimizer_state, {{"format", "pt"}});
  write_saved_state(staging.path() / kStateFile, saved);

  const fs::path checkpoint = staging.publish();
  write_pointer(run_folder, CheckpointPointer::latest, state.step);
  if (state.best_eval_loss && state.best_step == state.step) {
    write_pointer(run_folder, CheckpointPointer::best, state.step);
  }
  return checkpoint;
}

TrainingState verify_checkpoint(const fs::path& checkpoint) {
  if (!fs::is_directory(checkpoint)) {
    fail(ExitCode::checkpoint, "there is no checkpoint folder '{}': {}", checkpoint.string(),
         advice_instead_of(checkpoint));
  }
  try {
    return check_files(checkpoint);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}; {}", error.what(), advice_instead_of(checkpoint)));
  }
}

void load_checkpoint(const VerifiedCheckpoint& checkpoint, const CheckpointTensors& tensors) {
  const SafetensorsFile model(checkpoint.folder / kModelFile, ExitCode::checkpoint);
  const SafetensorsFile moments(checkpoint.folder / kOptimizerFile, ExitCode::checkpoint);

  throw_mismatches(model.path(), tensor_mismatches(model, tensors.parameters, TypeRule::same));
  throw_mismatches(moments.path(),
                   tensor_mismatches(moments, tensors.optimizer_state, TypeRule::same));
  copy_tensors(model, tensors.parameters);
  copy_tensors(moments, tensors.optimizer_state);
}

TrainingState load_checkpoint(const fs::path& checkpoint, const CheckpointTensors& tensors) {
  const VerifiedCheckpoint verified{checkpoint, verify_checkpoint(checkpoint)};
  load_checkpoint(verified, tensors);
  return verified.state;
}

CheckpointSearch find_newest_valid(const fs::path& run_folder) {
  CheckpointSearch search;
  const std::vector<CheckpointEntry> entries = list_checkpoints(run_folder);
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    try {
      search.checkpoint = VerifiedCheckpoint{entry->folder, check_files(entry->folder)};
      break;
    } catch (const Error& error) {
      search.damaged.push_back(error.what());
    }
  }
  return search;
}

void load_weights(const fs::path& source, const ParameterList& parameters, const WeightNotes& notes,
                  const Json& options) {
  const fs::path path = follow_pointer(source);
  const bool folder = fs::is_directory(path);
  if (folder && !fs::exists(path / kStateFile)) {
    fail(ExitCode::checkpoint,
         "'{}' is no checkpoint; give RUN/checkpoints/best, .../latest or .../step-NNNNNNNN, or a "
         "model.safetensors",
         path.string());
  }
  const fs::path model_path = folder ? path / kModelFile : path;
  // A file inside a checkpoint is checked as the checkpoint is; another has no checksum.
  if (folder || fs::exists(path.parent_path() / kStateFile)) {
    verify_checkpoint(model_path.parent_path());
  }
  load_weight_file(model_path, parameters, notes, options);
}

void load_weights(const VerifiedCheckpoint& checkpoint, const ParameterList& parameters,
                  const WeightNotes& notes, const Json& options) {
  load_weight_file(checkpoint.folder / kModelFile, parameters, notes, options);
}

std::optional<std::int64_t> step_of_weights(const fs::path& source) {
  const fs::path path = follow_pointer(source);
  const fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  if (!fs::exists(folder / kStateFile)) return std::nullopt;
  return read_saved_state(folder / kStateFile).state.step;
}

}  // namespace hgnn_moe
