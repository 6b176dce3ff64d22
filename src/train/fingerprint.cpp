#include "hgnn_moe/train/fingerprint.h"

#include <array>

#include <fmt/format.h>

namespace hgnn_moe {
namespace {

std::string value_text(const Json& value) {
  if (value.is_null()) return "not given";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void compare_objects(const Json& saved, const Json& current, const std::string& prefix,
                     std::vector<std::string>& differences) {
  for (const auto& [key, value] : saved.items()) {
    const std::string name = prefix + key;
    const auto now = current.find(key);
    if (now == current.end() && value.is_null()) continue;
    if (now == current.end()) {
      differences.push_back(
          fmt::format("{}: {} in the checkpoint, absent now", name, value_text(value)));
    } else if (value.is_object() && now->is_object()) {
      compare_objects(value, *now, name + ".", differences);
    } else if (value != *now) {
      differences.push_back(fmt::format("{}: {} in the checkpoint, {} now", name, value_text(value),
                                        value_text(*now)));
    }
  }
  for (const auto& [key, value] : current.items()) {
    if (!saved.contains(key) && !value.is_null()) {
      differences.push_back(
          fmt::format("{}: absent in the checkpoint, {} now", prefix + key, value_text(value)));
    }
  }
}

// Of a fingerprint; its hyperedges are a hash, and a note of the weights themselves.
constexpr std::array<const char*, 14> kModelOptions = {"embed_dim",
                                                       "num_layers",
                                                       "num_heads",
                                                       "num_experts",
                                                       "coupler_type",
                                                       "gnn_layers",
                                                       "max_seq_length",
                                                       "vocab_size",
                                                       "hgnn_learnable_edge_weights",
                                                       "hyperedge_weighting",
                                                       "hyperedge_weight_param",
                                                       "hyperedge_weight_source",
                                                       "hgnn_activation",
                                                       "hgnn_residual"};

// The model options that both have, of the first.
Json shared_model_options(const Json& of, const Json& with) {
  Json options = Json::object();
  for (const char* key : kModelOptions) {
    if (of.contains(key) && with.contains(key)) options[key] = of.at(key);
  }
  return options;
}

}  // namespace

std::vector<std::string> compare_model_options(const Json& saved, const Json& current) {
  return compare_fingerprint(shared_model_options(saved, current),
                             shared_model_options(current, saved));
}

std::vector<std::string> compare_fingerprint(const Json& saved, const Json& current) {
  std::vector<std::string> differences;
  compare_objects(saved, current, "", differences);
  return differences;
}

}  // namespace hgnn_moe
