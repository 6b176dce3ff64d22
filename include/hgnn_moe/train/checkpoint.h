// Saving and restoring a run: RUN/checkpoints/step-%08d/{model.safetensors, optimizer.safetensors,
// state.json}. A checkpoint appears whole or not at all, and a damaged one is never loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/model/parameter_list.h"
#include "hgnn_moe/train/optimizer.h"
#include "hgnn_moe/train/training_state.h"
#include "hgnn_moe/train/weight_notes.h"

namespace hgnn_moe {

inline constexpr char kModelFile[] = "model.safetensors";
inline constexpr char kOptimizerFile[] = "optimizer.safetensors";
inline constexpr char kStateFile[] = "state.json";

// The tensors of a checkpoint: a run's own, or a copy of them.
struct CheckpointTensors {
  ParameterList parameters;
  ParameterList optimizer_state;  // as AdamW::state(), of one or several optimizers
};

// Those that `optimizer` works on. Writing into them restores a state.
CheckpointTensors checkpoint_tensors(const AdamW& optimizer);

// Writes `tensors` and `state` as checkpoint `state.step`, durably; then makes `latest` name it,
// and `best` too where state.best_step is this step. `notes` are the metadata of
// model.safetensors, beside {"format": "pt"}. Equal tensors and notes give byte-equal tensor
// files. Returns the checkpoint's folder. Throws Error(diverged) where a parameter holds a value
// that is not finite, with the first such, and Error(disk); earlier checkpoints are then as they
// were and nothing is left of the new one.
std::filesystem::path save_checkpoint(const std::filesystem::path& run_folder,
                                      const CheckpointTensors& tensors, const TrainingState& state,
                                      const WeightNotes& notes);

// Checks every byte of a checkpoint against its checksums and returns its state. Throws
// Error(checkpoint) naming the damaged file and the newest earlier checkpoint that is intact.
TrainingState verify_checkpoint(const std::filesystem::path& checkpoint);

// A checkpoint that was found to be intact, so that nobody reads it twice to find it out.
struct VerifiedCheckpoint {
  std::filesystem::path folder;
  TrainingState state;
};

// Copies a checkpoint's tensors into `tensors`, on any device. Throws Error(checkpoint) where
// names, shapes or types differ, with a line for each of the first; nothing is copied then.
void load_checkpoint(const VerifiedCheckpoint& checkpoint, const CheckpointTensors& tensors);

// The same after verify_checkpoint. Returns the state.
TrainingState load_checkpoint(const std::filesystem::path& checkpoint,
                              const CheckpointTensors& tensors);

struct CheckpointSearch {
  std::optional<VerifiedCheckpoint> checkpoint;  // the newest that is intact
  std::vector<std::string> damaged;              // a sentence for each newer one that is not
};

// Looks at a run's checkpoints from the newest down.
CheckpointSearch find_newest_valid(const std::filesystem::path& run_folder);

// Copies the weights of a model.safetensors file, of a checkpoint folder or of the checkpoint that
// a file `latest` or `best` names into `parameters`, converted to their type; the moments of a
// checkpoint are not read. Names and shapes must match exactly, and the file's notes must not
// contradict `notes`, see note_differences. Throws Error(checkpoint) with a line for each model
// option in which the checkpoint differs from `options` (see model_options), or where there is
// none, for notes and tensors.
void load_weights(const std::filesystem::path& source, const ParameterList& parameters,
                  const WeightNotes& notes, const Json& options);

// The same of a checkpoint.
void load_weights(const VerifiedCheckpoint& checkpoint, const ParameterList& parameters,
                  const WeightNotes& notes, const Json& options);

// The step of the checkpoint that load_weights reads from `source`; none for a file outside of one.
std::optional<std::int64_t> step_of_weights(const std::filesystem::path& source);

}  // namespace hgnn_moe
