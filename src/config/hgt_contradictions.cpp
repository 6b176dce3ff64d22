#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "hgnn_moe/config/hgt_options.h"

namespace hgnn_moe {
namespace {

// What a preset gives to options that the user did not give.
struct Preset {
  std::int64_t num_epochs;
  double learning_rate;
  std::int64_t accumulation_steps;
  std::int64_t edge_sample_size;
  std::int64_t limit_nodes;
  HgtSampling sampling;
};

Preset preset_of(HgtPreset preset) {
  const HgtConfig defaults;
  Preset values{defaults.num_epochs,       defaults.learning_rate, defaults.accumulation_steps,
                defaults.edge_sample_size, defaults.limit_nodes,   defaults.sampling};
  switch (preset) {
    case HgtPreset::none:
      break;
    case HgtPreset::full:
      values.sampling = HgtSampling::edges;
      break;
    case HgtPreset::quick:
      values.num_epochs = 20;
      values.limit_nodes = 5000;
      values.accumulation_steps = 4;
      break;
    case HgtPreset::high_quality:
      values.num_epochs = 200;
      values.learning_rate = 5e-4;
      values.sampling = HgtSampling::edges;
      values.edge_sample_size = 8000;
      values.accumulation_steps = 2;
      break;
    case HgtPreset::memory_constrained:
      values.edge_sample_size = 3000;
      values.accumulation_steps = 8;
      values.sampling = HgtSampling::edges;
      break;
  }
  return values;
}

bool is_given(const Settings& settings, const char* name) { return settings.count(name) > 0; }

void check_graph(const HgtConfig& config, ErrorList& errors) {
  if (config.graph.empty() && !errors.concerns("graph")) {
    errors.add(fmt::format("graph is not given; write hgt_embed {} PATH",
                           names_of(config.command)[static_cast<std::size_t>(config.command)]));
  }
  if (config.valid_fraction + config.test_fraction >= 1.0) {
    errors.add(
        fmt::format("valid_fraction {} and test_fraction {} leave nothing to train on; give "
                    "less than 1 together",
                    config.valid_fraction, config.test_fraction));
  }
  if (config.split == HgtSplit::nodes &&
      (config.split_relations.empty() || config.split_node_type.empty())) {
    errors.add(
        "split is nodes, which needs split_relations and split_node_type; give the relations whose "
        "edges are held out and the type of the nodes that lose them");
  }
}

void check_model(const HgtConfig& config, ErrorList& errors) {
  if (config.hidden_dim % config.num_heads != 0 && !errors.concerns("hidden_dim") &&
      !errors.concerns("num_heads")) {
    errors.add(fmt::format("num_heads is {}, which does not divide hidden_dim {}; give a divisor",
                           config.num_heads, config.hidden_dim));
  }
  const bool is_complex =
      config.decoder == HgtDecoder::complex || config.decoder == HgtDecoder::rotate;
  if (is_complex && config.embedding_dim % 2 != 0) {
    errors.add(fmt::format(
        "embedding_dim is {}, but decoder {} takes halves for real and imaginary parts; give an "
        "even number",
        config.embedding_dim, names_of(config.decoder)[static_cast<std::size_t>(config.decoder)]));
  }
}

void check_features(const HgtConfig& config, ErrorList& errors) {
  if (config.node_features == HgtFeatures::given && config.features.empty() &&
      !errors.concerns("features")) {
    errors.add("node_features is given, which needs features; give the file with the numbers");
  }
  if (config.node_features != HgtFeatures::given && !config.features.empty()) {
    errors.add(
        fmt::format("features is '{}', which only node_features given reads; give that as well or "
                    "leave it out",
                    config.features));
  }
}

void check_neighbors(const HgtConfig& config, const Settings& settings, ErrorList& errors) {
  if (!is_given(settings, "num_neighbors") || errors.concerns("num_neighbors")) return;
  const std::size_t counts = neighbor_counts(config.num_neighbors).size();
  if (counts == static_cast<std::size_t>(config.num_layers)) return;
  errors.add(fmt::format("num_neighbors is {}, {} numbers for num_layers {}; give one a layer",
                         config.num_neighbors, counts, config.num_layers));
}

// Every micro-batch of a step needs a triple.
void check_batches(const HgtConfig& config, const Settings& settings, ErrorList& errors) {
  if (errors.concerns("batch_size") || errors.concerns("accumulation_steps")) return;
  const std::int64_t parts = is_given(settings, "accumulation_steps")
                                 ? config.accumulation_steps
                                 : preset_of(config.preset).accumulation_steps;
  if (config.batch_size >= parts) return;
  errors.add(
      fmt::format("batch_size is {}, which cannot be cut into accumulation_steps {}; give a larger "
                  "batch_size or at most {} accumulation_steps",
                  config.batch_size, parts, config.batch_size));
}

void check_run(const HgtConfig& config, ErrorList& errors) {
  if (config.resume_checkpoint == "auto" && config.run_name.empty()) {
    errors.add("resume_checkpoint is auto, which needs run_name; give the name of the run");
  }
  if (!config.resume_checkpoint.empty() && config.overwrite) {
    errors.add(
        "resume_checkpoint and overwrite contradict each other: one goes on with the run, the "
        "other removes it; leave one out");
  }
}

void check_opened_run(const HgtConfig& config, ErrorList& errors) {
  if (config.run.empty() && !errors.concerns("run")) {
    errors.add("run is not given; give the folder of a run of hgt_embed train");
  }
}

void check_question(const HgtConfig& config, ErrorList& errors) {
  if (config.head.empty() == config.tail.empty()) {
    errors.add(config.head.empty() ? "neither head nor tail is given; give the one that is known"
                                   : "head and tail are both given; leave out the one to be found");
  }
  if (config.relation.empty() && !errors.concerns("relation")) {
    errors.add("relation is not given; give the name of the triple's relation");
  }
}

void check_files(const HgtConfig& config, ErrorList& errors) {
  if (config.out.empty() && !errors.concerns("out")) {
    errors.add("out is not given; give a .safetensors, .npy or .csv file to write");
  }
  if (!config.pairs.empty() && config.relation.empty() && !errors.concerns("relation")) {
    errors.add("pairs is given and relation is not; give the relation whose facts are written");
  }
  if (!config.pairs.empty() && config.pairs == config.out) {
    errors.add(fmt::format("out and pairs are both '{}'; give two files", config.out));
  }
}

// The option that a comparison sets for each variant; "" where it sets several.
std::string varied_option(HgtComparison comparison) {
  switch (comparison) {
    case HgtComparison::device:
      return "device";
    case HgtComparison::messages:
      return "messages";
    case HgtComparison::features:
      return "node_features";
    case HgtComparison::batch:
      break;
  }
  return "";
}

void check_variants(const HgtConfig& config, ErrorList& errors) {
  const std::vector<std::string>& known = variants_of(config.compare);
  const std::vector<std::string> given = name_list(config.variants);
  const std::set<std::string> different(given.begin(), given.end());
  const bool are_known = std::all_of(given.begin(), given.end(), [&](const std::string& name) {
    return std::find(known.begin(), known.end(), name) != known.end();
  });
  if (are_known && given.size() > 1 && different.size() == given.size()) return;
  errors.add(fmt::format(
      "variants is {}; with --compare {} give two or more of {}, each once", config.variants,
      names_of(config.compare)[static_cast<std::size_t>(config.compare)], join(known, ",")));
}

void check_comparison(const HgtConfig& config, const Settings& settings, ErrorList& errors) {
  const std::string varied = varied_option(config.compare);
  if (!varied.empty() && is_given(settings, varied.c_str())) {
    errors.add(fmt::format("{} is given, but --compare {} sets it for each run; leave it out",
                           varied,
                           names_of(config.compare)[static_cast<std::size_t>(config.compare)]));
  }
  if (!config.variants.empty() && !errors.concerns("variants")) check_variants(config, errors);
  if (errors.concerns("seeds")) return;
  std::set<std::int64_t> seen;
  for (const std::int64_t seed : seed_list(config.seeds)) {
    if (seen.insert(seed).second) continue;
    errors.add(fmt::format("seeds is {}, which has {} more than once; give each seed once",
                           config.seeds, seed));
    return;
  }
}

}  // namespace

void check_hgt_contradictions(const HgtConfig& config, const Settings& settings,
                              ErrorList& errors) {
  switch (config.command) {
    case HgtCommand::train:
      check_graph(config, errors);
      check_model(config, errors);
      check_features(config, errors);
      check_neighbors(config, settings, errors);
      check_batches(config, settings, errors);
      check_run(config, errors);
      return;
    case HgtCommand::compare:
      check_graph(config, errors);
      check_model(config, errors);
      check_features(config, errors);
      check_neighbors(config, settings, errors);
      check_batches(config, settings, errors);
      check_comparison(config, settings, errors);
      return;
    case HgtCommand::validate:
      if (config.embeddings.empty() && !errors.concerns("embeddings")) {
        errors.add("embeddings is not given; write hgt_embed validate FILE");
      }
      return;
    case HgtCommand::embed:
      check_opened_run(config, errors);
      check_files(config, errors);
      return;
    case HgtCommand::predict:
      check_opened_run(config, errors);
      check_question(config, errors);
      return;
    case HgtCommand::evaluate:
      check_opened_run(config, errors);
      return;
  }
}

HgtConfig resolved_hgt_config(const HgtConfig& config, const Settings& settings) {
  HgtConfig resolved = config;
  const Preset preset = preset_of(config.preset);
  const auto take = [&](const char* name, auto& value, const auto& of_preset) {
    if (!is_given(settings, name)) value = of_preset;
  };
  take("num_epochs", resolved.num_epochs, preset.num_epochs);
  take("learning_rate", resolved.learning_rate, preset.learning_rate);
  take("accumulation_steps", resolved.accumulation_steps, preset.accumulation_steps);
  take("edge_sample_size", resolved.edge_sample_size, preset.edge_sample_size);
  take("limit_nodes", resolved.limit_nodes, preset.limit_nodes);
  take("sampling", resolved.sampling, preset.sampling);
  if (!is_given(settings, "num_neighbors")) {
    std::vector<std::string> counts = name_list(resolved.num_neighbors);
    counts.resize(static_cast<std::size_t>(resolved.num_layers), counts.back());
    resolved.num_neighbors = join(counts, ",");
  }
  return resolved;
}

std::vector<std::string> hgt_configuration_notes(const HgtConfig& config,
                                                 const Settings& settings) {
  std::vector<std::string> notes;
  const auto note = [&](bool unused, const char* name, const char* why) {
    if (unused && is_given(settings, name)) {
      notes.push_back(fmt::format("{} has no effect {}", name, why));
    }
  };
  const bool by_edges = config.sampling == HgtSampling::edges;
  const bool no_messages = config.messages == HgtMessages::none;
  note(by_edges && !no_messages, "num_neighbors", "with sampling edges");
  note(!by_edges && !no_messages, "edge_sample_size", "with sampling neighbors");
  note(config.node_features != HgtFeatures::learned, "embedding_init",
       "but with node_features learned");
  note(config.node_features == HgtFeatures::ones && !no_messages, "inductive_types",
       "with node_features ones");
  note(config.decoder != HgtDecoder::rotate, "margin", "but with decoder rotate");
  for (const char* name :
       {"num_layers", "num_heads", "layer_norm", "jumping_knowledge", "dropout_rate", "sampling",
        "num_neighbors", "edge_sample_size", "inductive_types"}) {
    note(no_messages, name, "with messages none");
  }
  for (const char* name : {"similarity_threshold", "contrast_node_type", "contrast_relations",
                           "contrast_anchors", "contrast_temperature"}) {
    note(config.contrastive_weight == 0, name, "with contrastive_weight 0");
  }
  if (config.command == HgtCommand::embed) {
    for (const char* name : {"relation", "negatives", "negative_kind", "negatives_seed"}) {
      note(config.pairs.empty(), name, "without pairs");
    }
  }
  note(config.split == HgtSplit::files, "split_relations", "with split files");
  note(config.split != HgtSplit::nodes, "split_node_type", "but with split nodes");
  return notes;
}

}  // namespace hgnn_moe
