// Where a run stands: the content of a checkpoint's state.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

struct TrainingState {
  std::int64_t step = 0;      // finished updates
  std::int64_t epoch = 0;     // the epoch of the next micro-batch, from 0
  std::int64_t position = 0;  // micro-batches of that epoch already used
  std::optional<double> best_eval_loss;
  std::int64_t best_step = 0;            // of best_eval_loss; 0 where there is none
  std::optional<double> last_eval_loss;  // of the newest evaluation
  bool evaluation_pending = false;       // whether the evaluation after `step` has not ended
  std::int64_t tokens = 0;               // real input tokens, over all resumes
  double seconds = 0;                    // training time, over all resumes
  std::int64_t metrics_length = 0;       // bytes of metrics.jsonl
  Json fingerprint = Json::object();     // what resume must find unchanged, see fingerprint.h
};

// xxh3_hex of each tensor file of a checkpoint, by file name.
using FileChecksums = std::map<std::string, std::string>;

struct SavedState {
  TrainingState state;
  FileChecksums checksums;
};

// Writes `path` atomically. The file carries a checksum of itself. Throws Error(disk).
void write_saved_state(const std::filesystem::path& path, const SavedState& saved);

// Throws Error(checkpoint) where the file is missing, of another format version, or differs in
// any byte from what write_saved_state wrote.
SavedState read_saved_state(const std::filesystem::path& path);

}  // namespace hgnn_moe
