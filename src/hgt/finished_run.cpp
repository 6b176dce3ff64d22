#include "hgnn_moe/hgt/finished_run.h"

#include <iostream>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/json.h"
#include "hgnn_moe/base/safetensors.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/config/hgt_options.h"
#include "hgnn_moe/hgt/memory_plan.h"
#include "hgnn_moe/train/checkpoint.h"
#include "hgnn_moe/train/checkpoint_folder.h"
#include "hgnn_moe/train/device.h"
#include "hgnn_moe/train/tensor_file.h"

namespace hgnn_moe::hgt {

namespace fs = std::filesystem;

namespace {

Json read_config(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  if (!fs::exists(path)) {
    fail(ExitCode::usage, "run '{}' holds no run of hgt_embed train: it has no config.json",
         folder.string());
  }
  Json record = read_json_file(path, ExitCode::data);
  const auto has = [&](const char* key) { return record.contains(key) && record[key].is_object(); };
  if (!has("config") || !has("graph") || !record["graph"].contains("content_hash")) {
    fail(ExitCode::data,
         "'{}' is not what hgt_embed train writes: it lacks the run's options or graph; give the "
         "folder of a run of hgt_embed, or train it again",
         path.string());
  }
  return record;
}

std::string features_of(const Json& record, const HgtConfig& command) {
  if (!command.features.empty()) return command.features;
  const auto path = record.at("graph").at("features").at("path").get<std::string>();
  if (fs::exists(path)) return path;
  fail(ExitCode::data,
       "features '{}' of run '{}' are not there; give --features the path of that file", path,
       command.run);
}

HgtConfig config_of(const Json& record, const HgtConfig& command) {
  HgtConfig config = hgt_config_of(record.at("config"));
  config.graph =
      command.graph.empty() ? record.at("graph").at("path").get<std::string>() : command.graph;
  if (config.node_features == HgtFeatures::given) {
    config.features = features_of(record, command);
  } else if (!command.features.empty()) {
    fail(ExitCode::usage, "features is '{}', but run '{}' was trained without; leave it out",
         command.features, command.run);
  }
  config.threads = command.threads;
  config.device = command.device;
  config.memory_limit = command.memory_limit;
  config.quiet = command.quiet;
  return config;
}

CheckpointEntry checkpoint_of_run(const fs::path& folder) {
  for (const CheckpointPointer pointer : {CheckpointPointer::best, CheckpointPointer::latest}) {
    if (const auto entry = read_pointer(folder, pointer)) return *entry;
  }
  fail(ExitCode::checkpoint, "run '{}' has no checkpoint; train it first", folder.string());
}

void load(const fs::path& checkpoint, const LinkModel& model) {
  verify_checkpoint(checkpoint);
  const SafetensorsFile file(checkpoint / kModelFile, ExitCode::checkpoint);
  const auto mismatches = tensor_mismatches(file, model.all_parameters(), TypeRule::same);
  if (!mismatches.empty()) {
    fail(ExitCode::checkpoint, "'{}' does not fit the run's configuration: {}",
         file.path().string(), join(mismatches, "; "));
  }
  copy_tensors(file, model.all_parameters());
}

}  // namespace

FinishedRun open_finished_run(const HgtConfig& command) {
  const fs::path folder = command.run;
  const Json record = read_config(folder);
  HgtConfig config = config_of(record, command);
  GraphData data = open_graph(config);
  if (const auto& hash = record.at("graph").at("content_hash"); hash != data.content_hash) {
    fail(ExitCode::data,
         "graph '{}' is not what run '{}' was trained on: its content hash is {}, then {}; give "
         "--graph the path of that graph",
         config.graph, folder.string(), data.content_hash, hash.get<std::string>());
  }
  if (data.features.is_given()) {
    const auto& then = record.at("graph").at("features").at("content_hash");
    if (then != data.features.content_hash) {
      fail(ExitCode::data,
           "features '{}' are not what run '{}' was trained on: the content hash of their numbers "
           "is {}, then {}; give --features the path of that file",
           config.features, folder.string(), data.features.content_hash, then.get<std::string>());
    }
  }
  const c10::Device device = choose_device(config.device).device;
  const TilePlan plan = plan_inference(config, data, memory_limit_of(config, device));
  for (const std::string& note : plan.notes) std::cerr << "hgt_embed: " << note << '\n';
  config.node_batch_size = plan.tile_nodes;
  LinkModel model(config, data.split.train, device, data.features.values_NF);
  const CheckpointEntry checkpoint = checkpoint_of_run(folder);
  load(checkpoint.folder, model);
  return {folder, std::move(config), std::move(data), std::move(model), checkpoint.step};
}

}  // namespace hgnn_moe::hgt
