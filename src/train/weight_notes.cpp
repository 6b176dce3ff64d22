#include "hgnn_moe/train/weight_notes.h"

#include <optional>

#include <fmt/format.h>

#include "hgnn_moe/base/hash.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

namespace {

// No option: strategies and files that name the same hyperedges are the same.
constexpr char kHyperedgesKey[] = "hyperedges_hash";

const WeightNotes& notes_of_the_original() {
  static const WeightNotes notes = {{"hyperedge_weight_param", "raw"},
                                    {"hyperedge_weighting", "pyg"},
                                    {"hgnn_activation", "none"},
                                    {"hgnn_residual", "false"}};
  return notes;
}

std::optional<std::string> find(const WeightNotes& notes, const std::string& key) {
  const auto found = notes.find(key);
  if (found == notes.end()) return std::nullopt;
  return found->second;
}

std::string advice(const std::string& key, const std::string& value) {
  if (key == kHyperedgesKey) {
    return "pass the static_hyperedge_strategy or hyperedges_file it was trained with";
  }
  if (key == "hgnn_residual") {
    return value == "true" ? "pass --hgnn_residual" : "pass --no_hgnn_residual";
  }
  return fmt::format("pass --{} {}", key, value);
}

}  // namespace

std::string hyperedges_hash(const ops::Hypergraph& graph) {
  const std::string text = Json(graph.hyperedges).dump();
  return xxh3_hex(text.data(), text.size());
}

WeightNotes weight_notes(const ModelConfig& config) {
  WeightNotes notes = {{"num_heads", std::to_string(config.num_heads)}};
  if (config.coupler_type != CouplerType::hgnn || config.hypergraph_is_empty()) return notes;
  notes[kHyperedgesKey] = hyperedges_hash(config.hypergraph);
  notes["hyperedge_weighting"] = config.weighting == ops::Weighting::pyg ? "pyg" : "paper";
  notes["hgnn_activation"] = to_string(config.activation);
  notes["hgnn_residual"] = config.residual ? "true" : "false";
  if (config.has_hyperedge_weights()) {
    notes["hyperedge_weight_param"] = to_string(config.weight_param);
  }
  return notes;
}

std::vector<std::string> note_differences(const WeightNotes& in_file, const WeightNotes& in_force) {
  std::vector<std::string> differences;
  for (const auto& [key, value] : in_force) {
    const auto noted = find(in_file, key);
    const auto meant = noted.has_value() ? noted : find(notes_of_the_original(), key);
    if (!meant.has_value() || *meant == value) continue;
    differences.push_back(
        fmt::format("{}: {} in the file{}, {} in force; {}", key, *meant,
                    noted.has_value() ? "" : " (it has no note, which means that)", value,
                    advice(key, *meant)));
  }
  return differences;
}

}  // namespace hgnn_moe
