#include "hgnn_moe/hgt/finished_run.h"

#include <iostream>

#include <fmt/format.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
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

std::string names_of_checkpoints(const std::vector<CheckpointEntry>& entries) {
  std::vector<std::string> names;
  for (const CheckpointEntry& entry : entries) names.push_back(entry.folder.filename().string());
  return join(names, ", ");
}

// The file `best` is missing where no triples were ranked. Where it names a checkpoint that is
// gone, another one would be measured under its name.
std::optional<CheckpointEntry> pointed_checkpoint(const fs::path& folder, const std::string& name,
                                                  const std::vector<CheckpointEntry>& entries) {
  const fs::path file = checkpoints_folder(folder) / "best";
  if (name != "best" || !fs::exists(file)) return read_pointer(folder, CheckpointPointer::latest);
  if (const auto best = read_pointer(folder, CheckpointPointer::best)) return best;
  const std::string text = read_text_file(file, ExitCode::checkpoint);
  fail(ExitCode::checkpoint, "'{}' names '{}', which is not there; give one of {} as --checkpoint",
       file.string(), text.substr(0, text.find('\n')), names_of_checkpoints(entries));
}

CheckpointEntry checkpoint_of_run(const fs::path& folder, const std::string& name) {
  const std::vector<CheckpointEntry> entries = list_checkpoints(folder);
  if (entries.empty()) {
    fail(ExitCode::checkpoint, "run '{}' has no checkpoint; train it first", folder.string());
  }
  if (name == "best" || name == "latest") {
    if (const auto entry = pointed_checkpoint(folder, name, entries)) return *entry;
  }
  for (const CheckpointEntry& entry : entries) {
    if (entry.folder.filename() == name) return entry;
  }
  fail(ExitCode::checkpoint, "run '{}' has no checkpoint '{}'; give one of {} as --checkpoint",
       folder.string(), name, names_of_checkpoints(entries));
}

// What is measured of it is then not what the run will come to.
void tell_unfinished(const fs::path& folder, std::int64_t step) {
  const fs::path file = folder / "run_summary.json";
  const Json summary = fs::exists(file) ? read_json_file(file, ExitCode::data) : Json::object();
  const std::string status = summary.value("status", "");
  if (status == "done") return;
  std::cerr << fmt::format(
      "hgt_embed: run '{}' is not finished{}: this is its checkpoint of step {}; train "
      "--resume_checkpoint auto goes on with it\n",
      folder.string(), status.empty() ? "" : " (" + status + ")", step);
}

// The error names the run's other checkpoints, intact or not.
void verify(const fs::path& run, const fs::path& checkpoint) {
  try {
    verify_checkpoint(checkpoint);
  } catch (const Error& error) {
    std::vector<std::string> others;
    for (const CheckpointEntry& entry : list_checkpoints(run)) {
      if (entry.folder != checkpoint) others.push_back(entry.folder.filename().string());
    }
    if (others.empty()) throw;
    throw Error(error.code(), fmt::format("{}; --checkpoint takes another one: {}", error.what(),
                                          join(others, ", ")));
  }
}

void load(const fs::path& checkpoint, const LinkModel& model) {
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
  const CheckpointEntry checkpoint = checkpoint_of_run(folder, command.checkpoint);
  HgtConfig config = config_of(record, command);
  const kg::LoadedFiles files = load_graph_of(config);
  // Before the run's options look for relations and types in it.
  if (const auto& hash = record.at("graph").at("content_hash"); hash != files.content_hash) {
    fail(ExitCode::data,
         "graph '{}' is not what run '{}' was trained on: its content hash is {}, then {}; give "
         "--graph the path of that graph",
         config.graph, folder.string(), files.content_hash, hash.get<std::string>());
  }
  GraphData data = graph_data_of(config, files);
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
  verify(folder, checkpoint.folder);
  load(checkpoint.folder, model);
  tell_unfinished(folder, checkpoint.step);
  return {folder, std::move(config), std::move(data), std::move(model), checkpoint.step};
}

std::uint64_t negatives_seed(const HgtConfig& command, const FinishedRun& run) {
  return static_cast<std::uint64_t>(command.negatives_seed == kRunsSeed ? run.config.seed
                                                                        : command.negatives_seed);
}

}  // namespace hgnn_moe::hgt
