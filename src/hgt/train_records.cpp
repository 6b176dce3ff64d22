#include "train_records.h"

#include <filesystem>

#include "hgnn_moe/train/device.h"

namespace hgnn_moe::hgt {

namespace {

// They change nothing of what is computed.
constexpr const char* kFree[] = {"graph",
                                 "features",
                                 "cache_dir",
                                 "num_workers_dataloader",
                                 "eval_every",
                                 "node_batch_size",
                                 "num_eval_triples",
                                 "threads",
                                 "device",
                                 "memory_limit",
                                 "checkpoint_dir",
                                 "run_name",
                                 "resume_checkpoint",
                                 "keep_checkpoints",
                                 "overwrite",
                                 "quiet",
                                 "dry_run",
                                 "preset"};

std::string source_of(const Settings& settings, const std::string& key) {
  const auto found = settings.find(key);
  return found == settings.end() ? "default" : found->second.source;
}

}  // namespace

Json config_record(const HgtInput& input, const GraphData& data, const LinkModel& model) {
  const Json config = to_json(input.config);
  Json provenance = Json::object();
  for (const auto& [key, value] : config.items()) provenance[key] = source_of(input.settings, key);
  Json record = {{"config", config}, {"provenance", provenance}};
  // Absolute, so that the run can be opened from any folder.
  record["graph"] = {{"path", std::filesystem::absolute(input.config.graph).string()}};
  record["graph"].update(graph_record(data));
  record["parameters"] = model.parameter_count();
  record.update(build_record(model.device()));
  return record;
}

Json resume_fingerprint(const HgtConfig& config, const GraphData& data) {
  Json fingerprint = to_json(config);
  for (const char* key : kFree) fingerprint.erase(key);
  fingerprint.erase("num_epochs");
  fingerprint.erase("max_steps");
  fingerprint["graph (content hash)"] = data.content_hash;
  if (data.features.is_given()) {
    fingerprint["features (content hash)"] = data.features.content_hash;
  }
  fingerprint["horizon"] = {{"num_epochs", config.num_epochs}, {"max_steps", config.max_steps}};
  return fingerprint;
}

Json summary_record(const HgtConfig& config, const TrainingState& state, const LinkModel& model,
                    std::int64_t triples_per_epoch, RunStatus status, const Json& results) {
  const auto mrr = [](const std::optional<double>& loss) {
    return loss.has_value() ? Json(1.0 - *loss) : Json(nullptr);
  };
  return {{"run_name", config.run_name},
          {"status", status_name(status)},
          {"epochs", state.epoch},
          {"steps", state.step},
          {"triples", state.tokens},
          {"triples_per_epoch", triples_per_epoch},
          {"parameters", model.parameter_count()},
          {"best_valid_mrr", mrr(state.best_eval_loss)},
          {"best_step", state.best_step},
          {"final_valid_mrr", mrr(state.last_eval_loss)},
          {"results", results},
          {"seconds", state.seconds},
          {"triples_per_s",
           state.seconds > 0 ? Json(static_cast<double>(state.tokens) / state.seconds) : Json()},
          {"peak_memory_bytes", peak_memory_bytes(model.device())}};
}

}  // namespace hgnn_moe::hgt
