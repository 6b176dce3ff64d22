#include "hgnn_moe/train/training_state.h"

#include <utility>

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/hash.h"

namespace hgnn_moe {
namespace {

constexpr int kFormatVersion = 1;

std::optional<double> read_optional(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

Json to_json(const SavedState& saved) {
  const TrainingState& state = saved.state;
  Json json;
  json["format_version"] = kFormatVersion;
  json["step"] = state.step;
  json["epoch"] = state.epoch;
  json["position"] = state.position;
  json["best_eval_loss"] = number_or_null(state.best_eval_loss);
  json["best_step"] = state.best_step;
  json["last_eval_loss"] = number_or_null(state.last_eval_loss);
  json["evaluation_pending"] = state.evaluation_pending;
  json["tokens"] = state.tokens;
  json["seconds"] = state.seconds;
  json["metrics_length"] = state.metrics_length;
  json["fingerprint"] = state.fingerprint;
  json["checksums"] = saved.checksums;
  return json;
}

SavedState from_json(const Json& json) {
  SavedState saved;
  TrainingState& state = saved.state;
  json.at("step").get_to(state.step);
  json.at("epoch").get_to(state.epoch);
  json.at("position").get_to(state.position);
  state.best_eval_loss = read_optional(json.at("best_eval_loss"));
  json.at("best_step").get_to(state.best_step);
  state.last_eval_loss = read_optional(json.at("last_eval_loss"));
  state.evaluation_pending = json.value("evaluation_pending", false);  // once there was no such key
  json.at("tokens").get_to(state.tokens);
  json.at("seconds").get_to(state.seconds);
  json.at("metrics_length").get_to(state.metrics_length);
  state.fingerprint = json.at("fingerprint");
  json.at("checksums").get_to(saved.checksums);
  return saved;
}

// The file's text: `json` with a last key that holds the checksum of all before it.
std::string seal(Json json) {
  const std::string content = json.dump(2);
  json["checksum"] = xxh3_hex(content.data(), content.size());
  return json.dump(2) + "\n";
}

}  // namespace

void write_saved_state(const std::filesystem::path& path, const SavedState& saved) {
  write_file_atomically(path, seal(to_json(saved)));
}

SavedState read_saved_state(const std::filesystem::path& path) {
  const std::string text = read_text_file(path, ExitCode::checkpoint);
  Json json = parse_json(text, path.string(), ExitCode::checkpoint);
  if (!json.is_object()) {
    fail(ExitCode::checkpoint, "'{}' is damaged: it holds no JSON object", path.string());
  }
  const auto version = json.find("format_version");
  if (version != json.end() && version->is_number_integer() && *version != kFormatVersion) {
    fail(ExitCode::checkpoint,
         "'{}' has format version {}, this program reads version {}: use the program that wrote it",
         path.string(), version->dump(), kFormatVersion);
  }
  // Sealing what was read must give the same bytes: that compares the checksum, and spacing too.
  json.erase("checksum");
  if (seal(json) != text) {
    fail(ExitCode::checkpoint, "'{}' is damaged: its content does not match its checksum",
         path.string());
  }
  try {
    return from_json(json);
  } catch (const Json::exception& error) {
    fail(ExitCode::checkpoint, "'{}' is no state of a checkpoint: {}", path.string(), error.what());
  }
}

}  // namespace hgnn_moe
