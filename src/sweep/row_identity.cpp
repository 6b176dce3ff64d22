#include "row_identity.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include <fmt/format.h>

#include "contains.h"

#include "hgnn_moe/base/hash.h"
#include "hgnn_moe/train/checkpoint.h"
#include "hgnn_moe/train/checkpoint_folder.h"

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;

// Options that change where and how a run is computed and what it writes beside its results, to
// rounding at most.
const std::vector<std::string> kWithoutEffect = {
    "data_dir",      "num_workers_dataloader", "device",    "threads",       "cuda_graphs",
    "deterministic", "verify_coupler",         "profile",   "sample_tokens", "temperature",
    "top_k",         "keep_checkpoints",       "save_every"};
// Where the content is known, its hash stands for them.
const std::vector<std::string> kNamesOfData = {"dataset_name", "dataset_config_name"};

// Raise it where the same options mean other results than before, or a default changes: finished
// rows then run again. A new option, which rows do not have at its default, needs nothing.
constexpr int kHashFormat = 1;

constexpr std::size_t kLongestName = 200;  // file systems end at 255 bytes
constexpr std::size_t kShortHash = 8;

// What differs from the defaults, so that the options of a later version leave old rows their hash.
Json options_with_effect(const TrainConfig& config, const std::vector<std::string>& varied) {
  const Json defaults = to_json(TrainConfig{});
  const Json all = to_json(config);
  Json options = Json::object();
  for (const auto& [name, value] : all.items()) {
    const bool has_effect = !contains(kWithoutEffect, name) || contains(varied, name);
    const bool is_for_runs = !contains(options_outside_sweeps(), name);
    if (has_effect && is_for_runs && value != defaults.at(name)) options[name] = value;
  }
  return options;
}

// The file that init_from has its weights from; empty where there is none, which the run says.
fs::path weights_file(const std::string& init_from) {
  if (init_from.empty()) return {};
  fs::path source;
  try {
    source = follow_pointer(init_from);
  } catch (const Error&) {
    return {};
  }
  std::error_code missing;
  const fs::path file = fs::is_directory(source, missing) ? source / kModelFile : source;
  return fs::is_regular_file(file, missing) ? file : fs::path();
}

// A value as a part of a folder's name.
std::string plain(const Json& value) {
  std::string text = value.is_null()     ? "auto"
                     : value.is_string() ? value.get<std::string>()
                                         : json_text(value);
  const std::string also_plain = ".+-";
  const auto is_odd = [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) == 0 &&
           also_plain.find(c) == std::string::npos;
  };
  std::replace_if(text.begin(), text.end(), is_odd, '-');
  return text;
}

}  // namespace

std::vector<std::string> varied_options(const std::vector<SweepRow>& rows) {
  std::vector<std::string> varied;
  for (const auto& option : train_option_table().options()) {
    const std::string& name = option.spec.name;
    if (name == "seed" || contains(options_outside_sweeps(), name)) continue;
    const auto value = [&](const SweepRow& row) { return option.get(given_config(row.settings)); };
    const auto differs = [&](const SweepRow& row) { return value(row) != value(rows.front()); };
    if (std::any_of(rows.begin(), rows.end(), differs)) varied.push_back(name);
  }
  return varied;
}

Json varied_values(const SweepRow& row, const std::vector<std::string>& varied) {
  const TrainConfig given = given_config(row.settings);
  Json values = Json::object();
  for (const auto& option : train_option_table().options()) {
    if (contains(varied, option.spec.name)) values[option.spec.name] = option.get(given);
  }
  return values;
}

std::string hash_of(const SweepRow& row, const std::vector<std::string>& varied,
                    const std::string& time_reference_hash) {
  Json identity = options_with_effect(row.config, varied);
  identity["format"] = kHashFormat;
  const std::string data_hash = row.forecast ? row.forecast->data_hash : "";
  if (!data_hash.empty()) {
    for (const std::string& name : kNamesOfData) identity.erase(name);
    identity["data"] = data_hash;
  }
  if (row.forecast && !row.config.hyperedges_file.empty()) {
    identity["hyperedges_file"] = xxh3_hex_of_file(row.config.hyperedges_file, ExitCode::usage);
  }
  const fs::path weights = weights_file(row.config.init_from);
  if (!weights.empty()) identity["init_from"] = xxh3_hex_of_file(weights, ExitCode::checkpoint);
  // Without its sizes a row could be taken for one of another reference.
  if (!row.unmatched.is_null()) identity["match_parameters"] = row.unmatched;
  if (!time_reference_hash.empty()) identity["match_time"] = time_reference_hash;
  const std::string text = json_text(identity);
  return xxh3_hex(text.data(), text.size());
}

std::string id_of(const SweepRow& row) {
  std::string name;
  for (const auto& [option, value] : row.varied.items()) {
    name += fmt::format("{}-{}_", option, plain(value));
  }
  if (name.size() > kLongestName) name = name.substr(0, kLongestName) + "_";
  return fmt::format("{}seed-{}_{}", name, row.seed, row.hash.substr(0, kShortHash));
}

}  // namespace hgnn_moe
