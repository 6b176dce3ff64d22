#include "hgnn_moe/hgt/comparison_plan.h"

#include <filesystem>

#include <fmt/format.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/hgt/graph_data.h"

namespace hgnn_moe::hgt {

namespace {

namespace fs = std::filesystem;

// Options of the comparison itself.
constexpr const char* kOwn[] = {"compare", "variants",  "seeds",  "relation",
                                "json",    "overwrite", "dry_run"};

using Values = std::vector<std::pair<const char*, Json>>;

std::string for_each_layer(const std::string& count, std::int64_t layers) {
  return join(std::vector<std::string>(static_cast<std::size_t>(layers), count), ",");
}

// What a variant sets over what the user gave.
Values values_of(const HgtConfig& config, const std::string& variant, std::int64_t edges) {
  switch (config.compare) {
    case HgtComparison::device:
      return {{"device", variant}};
    case HgtComparison::messages:
      return {{"messages", variant}};
    case HgtComparison::features:
      return {{"node_features", variant}};
    case HgtComparison::batch:
      break;
  }
  if (variant == "mini") return {};
  return {{"batch_size", edges},
          {"accumulation_steps", 1},
          {"sampling", "neighbors"},
          {"num_neighbors", for_each_layer("all", config.num_layers)}};
}

const std::string& name_of(HgtComparison comparison) {
  return names_of(comparison).at(static_cast<std::size_t>(comparison));
}

}  // namespace

std::vector<std::string> compared_variants(const HgtConfig& config) {
  return config.variants.empty() ? variants_of(config.compare) : name_list(config.variants);
}

std::string comparison_name(const HgtConfig& config) {
  if (!config.run_name.empty()) return config.run_name;
  return fmt::format("{}-compare-{}", graph_name(config.graph), name_of(config.compare));
}

std::vector<ComparedRun> compared_runs(const HgtInput& input, std::int64_t edges) {
  const HgtConfig& config = input.config;
  const std::string folder = (fs::path(config.checkpoint_dir) / comparison_name(config)).string();
  std::vector<ComparedRun> runs;
  for (const std::int64_t seed : seed_list(config.seeds)) {
    for (const std::string& variant : compared_variants(config)) {
      ComparedRun run{variant, seed, input.settings, {}};
      for (const char* name : kOwn) run.settings.erase(name);
      const std::string source = fmt::format("--compare {}", name_of(config.compare));
      const auto set = [&](const char* name, const Json& value) {
        run.settings[name] = {value, source};
      };
      for (const auto& [name, value] : values_of(config, variant, edges)) set(name, value);
      set("seed", seed);
      set("checkpoint_dir", folder);
      set("run_name", fmt::format("{}-seed-{}", variant, seed));
      run.config = hgt_input_of(HgtCommand::train, run.settings).config;
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

Json options_of_run(const ComparedRun& run) {
  Json options = Json::object();
  for (const auto& [name, setting] : run.settings) {
    if (!setting.value.is_null()) options[name] = setting.value;
  }
  return options;
}

}  // namespace hgnn_moe::hgt
