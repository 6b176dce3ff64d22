#include "hgnn_moe/train/metrics.h"

#include <memory>
#include <utility>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/json.h"
#include "hgnn_moe/train/tensorboard_file.h"

namespace hgnn_moe {

MetricsWriter::MetricsWriter(std::filesystem::path path) : file_(std::move(path)) {}

MetricsWriter::~MetricsWriter() = default;

void MetricsWriter::mirror_to(const std::filesystem::path& folder) {
  mirror_ = std::make_unique<TensorBoardFile>(folder, file_.path());
}

void MetricsWriter::write(const StepEvent& event) {
  Json json;
  json["event"] = "step";
  json["step"] = event.step;
  json["epoch"] = event.epoch;
  json["loss"] = event.loss;
  json["learning_rate"] = event.learning_rate;
  json["grad_norm"] = event.grad_norm;
  json["tokens"] = event.tokens;
  json["tokens_per_s"] = event.tokens_per_s;
  json["data_ms"] = event.data_ms;
  json["forward_ms"] = event.forward_ms;
  json["backward_ms"] = event.backward_ms;
  json["optimizer_ms"] = event.optimizer_ms;
  json["memory_bytes"] = event.memory_bytes;
  write(json);
}

void MetricsWriter::write(const EvalEvent& event) {
  Json json;
  json["event"] = "eval";
  json["step"] = event.step;
  json["loss"] = event.loss;
  json["perplexity"] = event.perplexity;
  json["tokens"] = event.tokens;
  write(json);
}

void MetricsWriter::write(const CouplerEvent& event) {
  Json json;
  json["event"] = "coupler";
  json["step"] = event.step;
  json["layer"] = event.layer;
  if (event.coupler_layer) {
    json["coupler_layer"] = *event.coupler_layer;
  }
  if (event.hyperedge_weights) {
    json["hyperedge_weights"] = *event.hyperedge_weights;
  }
  if (event.adjacency) {
    json["adjacency"] = *event.adjacency;
  }
  json["mixing"] = event.mixing;
  write(json);
}

void MetricsWriter::write(const LayerEvent& event) {
  Json json;
  json["event"] = "layer";
  json["step"] = event.step;
  json["layer"] = event.layer;
  json["expert_norms"] = event.expert_norms;
  json["expert_cka"] = event.expert_cka;
  json["dirichlet_before"] = number_or_null(event.dirichlet_before);
  json["dirichlet_after"] = number_or_null(event.dirichlet_after);
  json["second_eigenvalue"] = number_or_null(event.second_eigenvalue);
  json["hyperedge_weight_grad_norm"] = number_or_null(event.hyperedge_weight_grad_norm);
  write(json);
}

void MetricsWriter::sync() { file_.sync(); }

void MetricsWriter::check_length(std::int64_t length) const {
  if (length > file_.length()) {
    fail(ExitCode::checkpoint,
         "'{}' has {} bytes, but had {} when the checkpoint was saved: it was changed since, so "
         "resume from an earlier checkpoint or start again with --overwrite",
         file_.path().string(), file_.length(), length);
  }
  if (length > 0 && file_.byte_at(length - 1) != '\n') {
    fail(
        ExitCode::checkpoint,
        "'{}' has no end of line at byte {}, where the checkpoint was saved: it was changed since, "
        "so resume from an earlier checkpoint or start again with --overwrite",
        file_.path().string(), length);
  }
}

void MetricsWriter::truncate_to(std::int64_t length) {
  check_length(length);
  file_.truncate_to(length);
}

void MetricsWriter::write(const Json& event) {
  file_.append(event.dump() + "\n");
  if (mirror_ != nullptr) mirror_->write(event);
}

}  // namespace hgnn_moe
