#include "hgnn_moe/config/train_config.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace hgnn_moe {

namespace fs = std::filesystem;

namespace {

// An .idx counts without its .bin: opening then says which of the two is missing.
bool holds_data(const fs::path& folder) {
  // Not throwing: a name too long for a path or an unreadable parent is no folder of data.
  std::error_code ignored;
  if (fs::is_regular_file(folder / "dataset.json", ignored)) return true;
  for (const std::string split : {"train", "eval", "val"}) {
    for (const char* extension : {".bin", ".idx", ".npy"}) {
      if (fs::is_regular_file(folder / (split + extension), ignored)) return true;
    }
  }
  return false;
}

}  // namespace

std::int64_t resolved_num_heads(const TrainConfig& config) {
  if (config.num_heads > 0) return config.num_heads;
  return config.embed_dim % 64 == 0 ? config.embed_dim / 64 : 8;
}

TrainConfig resolve(TrainConfig config) {
  config.num_heads = resolved_num_heads(config);
  if (config.data_dir.empty()) {
    const char* from_environment = std::getenv("HGNN_MOE_DATA");
    const bool is_set = from_environment != nullptr && *from_environment != '\0';
    config.data_dir = is_set ? from_environment : kDefaultDataDir;
  }
  if (config.compat == Compat::original) {
    config.hyperedge_weighting = HyperedgeWeighting::pyg;
    config.hyperedge_weight_param = HyperedgeWeightParam::raw;
  }
  return config;
}

std::string data_folder_below_data_dir(const TrainConfig& config) {
  const fs::path data_dir = resolve(config).data_dir;
  return (data_dir / config.dataset_name / config.dataset_config_name).string();
}

std::string data_folder(const TrainConfig& config) {
  return holds_data(config.dataset_name) ? config.dataset_name : data_folder_below_data_dir(config);
}

std::string default_run_name(const TrainConfig& config, std::time_t time) {
  std::string coupler;
  switch (config.coupler_type) {
    case CouplerType::gnn:
      coupler = fmt::format("gnn-g{}", config.gnn_layers);
      break;
    case CouplerType::hgnn:
      coupler = fmt::format(
          "hgnn-{}-g{}",
          config.hyperedges_file.empty() ? to_string(config.static_hyperedge_strategy) : "file",
          config.gnn_layers);
      break;
    case CouplerType::mean:
      coupler = "mean";
      break;
    case CouplerType::none:
      coupler = "none";
      break;
  }
  return fmt::format("{}-e{}-d{}-l{}-s{}-{:%Y%m%dT%H%M%SZ}", coupler, config.num_experts,
                     config.embed_dim, config.num_layers, config.seed, fmt::gmtime(time));
}

std::vector<std::int64_t> sample_id_list(const TrainConfig& config) {
  std::vector<std::int64_t> ids;
  std::istringstream stream(config.sample_ids);
  for (std::string id; std::getline(stream, id, ',');) ids.push_back(std::stoll(id));
  return ids;
}

const std::vector<std::string>& names_of(CouplerType) {
  static const std::vector<std::string> names = {"GNN", "HGNN", "MEAN", "NONE"};
  return names;
}

const std::vector<std::string>& names_of(HyperedgeStrategy) {
  static const std::vector<std::string> names = {"all_pairs", "all_triplets", "all"};
  return names;
}

const std::vector<std::string>& names_of(HyperedgeWeighting) {
  static const std::vector<std::string> names = {"pyg", "paper"};
  return names;
}

const std::vector<std::string>& names_of(HyperedgeWeightParam) {
  static const std::vector<std::string> names = {"positive", "raw"};
  return names;
}

const std::vector<std::string>& names_of(HyperedgeWeightSource) {
  static const std::vector<std::string> names = {"shared", "token"};
  return names;
}

const std::vector<std::string>& names_of(HgnnActivation) {
  static const std::vector<std::string> names = {"none", "gelu"};
  return names;
}

const std::vector<std::string>& names_of(CouplerPath) {
  static const std::vector<std::string> names = {"auto", "collapsed", "batched", "sequential"};
  return names;
}

const std::vector<std::string>& names_of(ExpertPath) {
  static const std::vector<std::string> names = {"auto", "fused", "reference"};
  return names;
}

const std::vector<std::string>& names_of(ActivationCheckpointing) {
  static const std::vector<std::string> names = {"none", "layer"};
  return names;
}

const std::vector<std::string>& names_of(SampleMode) {
  static const std::vector<std::string> names = {"lines", "packed"};
  return names;
}

const std::vector<std::string>& names_of(Precision) {
  static const std::vector<std::string> names = {"fp32", "bf16", "tf32"};
  return names;
}

const std::vector<std::string>& names_of(LrSchedule) {
  static const std::vector<std::string> names = {"cosine", "linear", "constant", "wsd"};
  return names;
}

const std::vector<std::string>& names_of(Compat) {
  static const std::vector<std::string> names = {"none", "original"};
  return names;
}

const std::vector<std::string>& names_of(SweepExport) {
  static const std::vector<std::string> names = {"none", "slurm", "commands"};
  return names;
}

}  // namespace hgnn_moe
