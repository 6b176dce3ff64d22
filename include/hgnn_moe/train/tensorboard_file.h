// The numbers of metrics.jsonl as a TensorBoard event file.
#pragma once

#include <filesystem>
#include <vector>

#include "hgnn_moe/base/append_file.h"
#include "hgnn_moe/base/event_record.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

// The numbers of an event of metrics.jsonl by their tags: train/loss of a step, eval/loss,
// layer0/second_eigenvalue, layer0/coupler_layer1/mixing/2/3. A list loses the s at the end of its
// name: hyperedge_weights are layer0/hyperedge_weight/3. What is null or not finite is left out.
std::vector<ScalarValue> tensorboard_scalars(const Json& event);

// The event file of a run, one record an event. All of it can be made again from metrics.jsonl, so
// it is never waited for to be durable; a killed process leaves at most one unfinished record at
// its end, which readers leave out.
class TensorBoardFile {
 public:
  // Begins with the events that the file `metrics` holds; earlier event files in `folder` are
  // emptied. Their wall times are as far
  // apart as training took from one to the next, and the last is now. Throws Error(disk);
  // Error(checkpoint) where a line is no JSON.
  TensorBoardFile(const std::filesystem::path& folder, const std::filesystem::path& metrics);

  // Throws Error(disk); a record that did not fit is taken back.
  void write(const Json& event);

 private:
  void write_past(const std::filesystem::path& metrics);

  AppendFile file_;
};

}  // namespace hgnn_moe
