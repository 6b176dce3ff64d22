// metrics.jsonl: one JSON object a line, an event each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "hgnn_moe/base/append_file.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

// An update. Names ending in _ms, _per_s and memory_bytes are measurements; all other fields are
// equal in every repetition of a run.
struct StepEvent {
  std::int64_t step = 0;  // finished updates; the first is 1
  std::int64_t epoch = 0;
  double loss = 0;           // mean over the real targets of the step
  double learning_rate = 0;  // used by this update
  double grad_norm = 0;      // before clipping
  std::int64_t tokens = 0;   // real input tokens
  double tokens_per_s = 0;
  double data_ms = 0;
  double forward_ms = 0;
  double backward_ms = 0;
  double optimizer_ms = 0;
  std::int64_t memory_bytes = 0;
};

struct EvalEvent {
  std::int64_t step = 0;
  double loss = 0;
  double perplexity = 0;
  std::int64_t tokens = 0;
};

using MetricMatrix = std::vector<std::vector<double>>;  // rows

// The graph of one layer: hyperedge_weights for HGNN, whose coupler layers share them; adjacency
// for GNN, an event a coupler layer. The others are left out.
struct CouplerEvent {
  std::int64_t step = 0;
  std::int64_t layer = 0;
  std::optional<std::int64_t> coupler_layer;
  std::optional<std::vector<double>> hyperedge_weights;  // [M]
  std::optional<MetricMatrix> adjacency;                 // [E, E]
  MetricMatrix mixing;                                   // [E, E]
};

// What the experts of one layer do with the first evaluation tokens (docs/diagnostics.md). Values
// that do not exist are null, as those that are not finite.
struct LayerEvent {
  std::int64_t step = 0;
  std::int64_t layer = 0;
  std::vector<double> expert_norms;                         // [E]
  MetricMatrix expert_cka;                                  // [E, E]
  std::optional<double> dirichlet_before, dirichlet_after;  // of the coupler's layers
  std::optional<double> second_eigenvalue;                  // of the mixing
  std::optional<double> hyperedge_weight_grad_norm;         // in the last step, before clipping
};

class TensorBoardFile;

// Appends events to a file. Numbers are written in the shortest form that reads back to the same
// double, non-finite ones as null. Each event is one write, so a killed process leaves at most
// one unfinished line. Every failure throws Error(disk); a line that did not fit is taken back.
class MetricsWriter {
 public:
  explicit MetricsWriter(std::filesystem::path path);
  ~MetricsWriter();
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;

  void write(const StepEvent& event);
  void write(const EvalEvent& event);
  void write(const CouplerEvent& event);
  void write(const LayerEvent& event);
  // Any other, with the keys event and step.
  void write(const Json& event);

  // From here on events go into a TensorBoard event file in `folder`, too, which begins with the
  // events that there are; see train/tensorboard_file.h.
  void mirror_to(const std::filesystem::path& folder);

  // Bytes in the file: what a checkpoint notes.
  std::int64_t length() const { return file_.length(); }

  // Makes everything so far durable. Call it before saving a checkpoint that notes length().
  void sync();

  // Throws Error(checkpoint) where the file is shorter than a checkpoint noted, or has no end of
  // line there: it is then not the file that the checkpoint was saved with.
  void check_length(std::int64_t length) const;

  // Checks the length, then cuts the file back to it, with any unfinished last line.
  void truncate_to(std::int64_t length);

 private:
  AppendFile file_;
  std::unique_ptr<TensorBoardFile> mirror_;
};

}  // namespace hgnn_moe
