#include "hgnn_moe/config/train_options.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include <fmt/format.h>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/text_rules.h"

namespace hgnn_moe {

namespace {

constexpr const char* kUsage =
    "hgnn_moe_train: trains mixture-of-experts language models whose experts are coupled, token "
    "by\n"
    "token, through a graph (GNN) or a hypergraph (HGNN).\n"
    "\n"
    "Usage: hgnn_moe_train [--config FILE]... [--OPTION VALUE]...\n"
    "\n"
    "Every option is a flag and a key of the JSON configuration files; a boolean is --NAME or\n"
    "--no_NAME here, true or false there. Brackets hold the allowed values and the default.\n";

bool is_id_list(const std::string& text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (!all_digits(text.substr(begin, end - begin), 9)) return false;
    begin = end + 1;
  }
  return true;
}

TextRule file_rule(const char* description) { return path_rule("FILE", description); }
TextRule folder_rule() { return path_rule("FOLDER", "the path of a folder"); }
TextRule name_rule(const char* description) { return path_rule("NAME", description); }

OptionTable<TrainConfig> build_table() {
  using C = TrainConfig;
  constexpr std::int64_t kMillion = 1'000'000;
  constexpr std::int64_t kMaxIds = 2'147'483'647;
  const IntegerRange limit_or_none{1, std::numeric_limits<std::int64_t>::max(), true};
  const IntegerRange any_count{0};
  const IntegerRange at_least_one{1};
  OptionTable<C> t;

  t.group("Model");
  t.integer("embed_dim", &C::embed_dim, {1, 65536}, "width D of every layer");
  t.integer("num_layers", &C::num_layers, {1, 1024}, "number of layers");
  t.integer("num_heads", &C::num_heads, {1, 1024, false, true},
            "attention heads; auto is embed_dim/64 where that is whole, else 8", "auto");
  t.real("dropout_rate", &C::dropout_rate, {0.0, 1.0, false, true}, "dropout probability");
  t.integer("max_seq_length", &C::max_seq_length, {1, kMillion}, "longest sequence T, in tokens");
  t.integer("vocab_size", &C::vocab_size, {1, kMaxIds}, "number of token ids", "from dataset.json");
  t.integer("end_of_text_id", &C::end_of_text_id, {0, kMaxIds},
            "the id that ends a document in packed mode", "from dataset.json");

  t.group("Experts and coupler");
  t.integer("num_experts", &C::num_experts, {1, 256}, "experts E in every layer");
  t.integer("gnn_layers", &C::gnn_layers, {1, 64}, "layers G of a GNN or HGNN coupler");
  t.choice("coupler_type", &C::coupler_type, "how experts talk to each other");
  t.choice("hgnn_conv_type", &C::hgnn_conv_type, {"HypergraphConv"},
           "hypergraph convolution of the HGNN coupler");
  t.choice("static_hyperedge_strategy", &C::static_hyperedge_strategy,
           "which experts share a hyperedge: all_pairs, all_triplets, or all of them in one");
  t.accept_null("static_hyperedge_strategy");
  t.text("hyperedges_file", &C::hyperedges_file,
         file_rule("the path of a JSON list of lists of expert indices"),
         "own hyperedges instead of a strategy", "none");
  t.boolean("hgnn_learnable_edge_weights", &C::hgnn_learnable_edge_weights,
            "learn a weight for each hyperedge instead of 1");
  t.choice("hyperedge_weighting", &C::hyperedge_weighting,
           "where hyperedge weights enter: in the degrees alone, as PyTorch Geometric computes, or "
           "also in the sum, as the paper states");
  t.choice("hyperedge_weight_param", &C::hyperedge_weight_param,
           "weights as softplus of the parameter, or the parameter itself");
  t.choice(
      "hyperedge_weight_source", &C::hyperedge_weight_source,
      "hyperedge weights of the layer, or of every token by a projection of the layer's input");
  t.choice("hgnn_activation", &C::hgnn_activation, "after each HGNN layer");
  t.boolean("hgnn_residual", &C::hgnn_residual, "add its input to each HGNN layer's output");
  t.choice("compat", &C::compat,
           "original sets hyperedge_weighting pyg and hyperedge_weight_param raw");

  t.group("Data");
  t.text("data_dir", &C::data_dir, folder_rule(), "folder of prepared data sets",
         "$HGNN_MOE_DATA, else ./data");
  t.text("dataset_name", &C::dataset_name, name_rule("a data set's name or a folder's path"),
         "a folder with dataset.json or token files, or the first part of the path below data_dir");
  t.text("dataset_config_name", &C::dataset_config_name, name_rule("a data set's variant"),
         "the second part of the path below data_dir");
  t.choice("sample_mode", &C::sample_mode,
           "a sample is a line, cut to max_seq_length, or a window of all text joined");
  t.boolean("shuffle", &C::shuffle,
            "choose training and evaluation samples, and order training samples, by the seed");
  t.integer("num_train_samples", &C::num_train_samples, limit_or_none,
            "samples to train on; -1 is all");
  t.integer("num_eval_samples", &C::num_eval_samples, limit_or_none,
            "samples to evaluate on; -1 is all");
  t.integer("num_workers_dataloader", &C::num_workers_dataloader, {0, 256},
            "threads that prepare batches; 0 prepares them in the training loop");
  t.boolean("synthetic_data", &C::synthetic_data,
            "train on generated stand-in data, and say so in every file");

  t.group("Training");
  t.integer("batch_size", &C::batch_size, {1, kMillion}, "samples in a micro-batch");
  t.integer("gradient_accumulation_steps", &C::gradient_accumulation_steps, {1, kMillion},
            "micro-batches in a step");
  t.integer("epochs", &C::epochs, {1, kMillion}, "passes over the training samples");
  t.integer("max_batches_per_epoch", &C::max_batches_per_epoch, limit_or_none,
            "micro-batches after which an epoch ends; -1 is all");
  t.integer("max_steps", &C::max_steps, limit_or_none, "steps after which the run ends; -1 is all");
  t.real("learning_rate", &C::learning_rate, {0.0, RealRange{}.max, true},
         "highest learning rate of AdamW");
  t.choice("lr_schedule", &C::lr_schedule, "how the learning rate falls after the warm-up");
  t.integer("warmup_steps", &C::warmup_steps, any_count, "steps of linear warm-up");
  t.real("weight_decay", &C::weight_decay, {}, "decoupled weight decay of AdamW");
  t.real("grad_clip", &C::grad_clip, {}, "total gradient norm to clip to; 0 is off");
  t.integer("seed", &C::seed, any_count,
            "seed of weights, of the choice and order of samples, of dropout and of sampling");

  t.group("Machine");
  t.text("device", &C::device, device_rule(),
         "where to compute; auto is a GPU where there is one and the build has CUDA (preset cuda)");
  t.choice("precision", &C::precision,
           "of what matrix products take and give, and of what passes between the steps of fused "
           "experts or the layers of an HGNN; all else stays fp32. tf32 is for GPUs and rounds the "
           "factors of products alone");
  t.choice(
      "expert_path", &C::expert_path,
      "how experts are computed: all of a layer in fused operations on real tokens alone, or one "
      "after the other on padded samples; auto is fused");
  t.choice(
      "coupler_path", &C::coupler_path,
      "how couplers are computed: as one weighted mean (HGNN without activation and residual), "
      "all tokens at once, or token by token; auto is the first that applies");
  t.integer("coupler_chunk", &C::coupler_chunk, any_count,
            "tokens that the batched path couples at a time, computing them again in the backward "
            "pass: less memory, more time; 0 is all, else at least 32");
  t.boolean("verify_coupler", &C::verify_coupler,
            "compare the coupler_path with sequential on the first batch before training");
  t.choice("activation_checkpointing", &C::activation_checkpointing,
           "keep all activations for the backward pass, or those between layers alone and compute "
           "the rest again: less memory, a third more time, the same numbers");
  t.boolean(
      "cuda_graphs", &C::cuda_graphs,
      "on a GPU, capture the training step once for each of at most eight sizes and replay it; "
      "the same losses with less work for the CPU");
  t.integer("threads", &C::threads, {0, 4096}, "CPU threads; 0 is all cores");
  t.boolean("deterministic", &C::deterministic, "bit-equal repetition on a GPU, at some speed");
  t.integer("profile", &C::profile, any_count,
            "steps to profile after the first, into the run's folder profile; 0 is none");

  t.group("Evaluation and sampling");
  t.integer("eval_every", &C::eval_every, any_count,
            "steps between evaluations; 0 is only after the last");
  t.boolean("eval_only", &C::eval_only, "evaluate once and stop");
  t.boolean(
      "ablate", &C::ablate,
      "with eval_only, evaluate without each expert, each hyperedge and the coupler's layers, "
      "too, into the run's folder ablation");
  t.text("dump_token_losses", &C::dump_token_losses, file_rule("the path of a .npy file to write"),
         "loss of every target in the last evaluation", "none");
  t.text("sample_ids", &C::sample_ids,
         {"IDS", "token ids separated by commas, without spaces", is_id_list},
         "prompt to continue when the rest is done", "none");
  t.integer("sample_tokens", &C::sample_tokens, {1, kMillion}, "tokens to continue it with");
  t.real("temperature", &C::temperature, {}, "sampling temperature; 0 takes the likeliest token");
  t.integer("top_k", &C::top_k, {0, kMaxIds}, "likeliest tokens to sample from; 0 is all");

  t.group("Runs and checkpoints");
  t.text("checkpoint_dir", &C::checkpoint_dir, folder_rule(), "folder of all runs");
  t.text("run_name", &C::run_name, run_name_rule(), "the run's folder in checkpoint_dir",
         "from the configuration and the time, of a sweep from its file");
  t.text("resume_checkpoint", &C::resume_checkpoint, file_rule("auto or a checkpoint's path"),
         "continue this run; auto is from its newest valid checkpoint", "none");
  t.text("init_from", &C::init_from,
         file_rule("a checkpoint, its run's best or latest, or a model.safetensors"),
         "weights to start a new run from", "none");
  t.integer("keep_checkpoints", &C::keep_checkpoints, at_least_one,
            "newest checkpoints to keep beside the best");
  t.integer("save_every", &C::save_every, any_count,
            "steps between checkpoints; 0 is at evaluations and the end");
  t.boolean("overwrite", &C::overwrite, "replace a run of the same name");
  t.boolean("quiet", &C::quiet, "show only warnings and errors");
  t.boolean("dry_run", &C::dry_run,
            "print configuration, parameters, memory and steps as JSON and stop");

  t.group("Sweeps");
  t.text("sweep", &C::sweep, file_rule("the path of a sweep file"),
         "run all runs of a sweep, each in a process of its own; other flags go over all of them",
         "none");
  t.boolean("sweep_dry_run", &C::sweep_dry_run,
            "print every run of the sweep with parameters, memory and estimated time, and stop");
  t.integer("sweep_jobs", &C::sweep_jobs, {1, 1024},
            "runs side by side, which share the cores or the GPUs");
  t.choice("sweep_export", &C::sweep_export,
           "write an array job or one command line a run instead of running the sweep");
  t.boolean("sweep_retry_failed", &C::sweep_retry_failed, "run failed rows of the sweep again");
  t.text("match_parameters", &C::match_parameters,
         file_rule("the path of a JSON object of options"),
         "choose embed_dim, else num_layers, else both, for as many parameters as with these "
         "options over the run's own, to 1 %",
         "none");
  return t;
}

std::vector<OptionSpec> all_specs() {
  std::vector<OptionSpec> specs = program_options();
  const std::vector<OptionSpec> table = train_option_table().specs();
  specs.insert(specs.end(), table.begin(), table.end());
  return specs;
}

// Where the value of a key comes from, also when the user did not give it.
std::string source_of(const std::string& key, const TrainConfig& given, const Settings& settings) {
  const auto found = settings.find(key);
  if (found != settings.end()) return found->second.source;
  const bool is_compat_key = key == "hyperedge_weighting" || key == "hyperedge_weight_param";
  if (is_compat_key && given.compat == Compat::original) return "compat original";
  if (key == "data_dir" && resolve(given).data_dir != kDefaultDataDir) {
    return "environment HGNN_MOE_DATA";
  }
  return "default";
}

// Options are checked where they are read.
void check_environment(const TrainConfig& given, ErrorList& errors) {
  if (!given.data_dir.empty() || given.synthetic_data) return;
  const std::string folder = resolve(given).data_dir;
  if (valid_utf8(folder) == folder) return;
  errors.add(fmt::format(
      "the environment variable HGNN_MOE_DATA is '{}', which is not UTF-8; give a folder with a "
      "UTF-8 name there or as --data_dir",
      valid_utf8(folder)));
}

// A sweep is found again under the name of its file, whenever it is started.
std::string made_up_run_name(const TrainConfig& config) {
  return config.sweep.empty() ? default_run_name(config, std::time(nullptr))
                              : std::filesystem::path(config.sweep).stem().string();
}

}  // namespace

const OptionTable<TrainConfig>& train_option_table() {
  static const OptionTable<TrainConfig> table = build_table();
  return table;
}

ParsedConfig parse_command_line(int argc, const char* const* argv) {
  ErrorList errors;
  const UserInput input = read_user_input(train_option_table().specs(), argc, argv, errors);
  ParsedConfig parsed;
  parsed.help = input.help;
  parsed.version = input.version;
  if (parsed.help || parsed.version) return parsed;

  return resolve_settings(input.settings, std::move(errors));
}

TrainConfig given_config(const Settings& settings) {
  TrainConfig given;
  set_options(train_option_table(), settings, given);
  return given;
}

ParsedConfig resolve_settings(const Settings& settings, ErrorList errors) {
  const TrainConfig given = given_config(settings);
  check_contradictions(given, settings, errors);
  check_environment(given, errors);
  errors.throw_if_any();

  ParsedConfig parsed;
  parsed.config = resolve(given);
  parsed.settings = settings;
  // A path to resume from names its run's folder by itself.
  if (given.run_name.empty() && given.resume_checkpoint.empty()) {
    parsed.config.run_name = made_up_run_name(parsed.config);
  }
  for (const auto& option : train_option_table().options()) {
    parsed.provenance.emplace_back(option.spec.name, source_of(option.spec.name, given, settings));
  }
  parsed.warnings = configuration_warnings(given, settings);
  return parsed;
}

std::string help_text() { return kUsage + render_help(all_specs()); }

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  for (const OptionSpec& spec : all_specs()) names.push_back(spec.name);
  return names;
}

std::string options_markdown() { return render_markdown(all_specs()); }

Json to_json(const TrainConfig& config) {
  const TrainConfig resolved = resolve(config);
  Json json = Json::object();
  for (const auto& option : train_option_table().options()) {
    json[option.spec.name] = option.get(resolved);
  }
  // The file takes the strategy's place; naming both would be refused when read again.
  if (!config.hyperedges_file.empty()) json["static_hyperedge_strategy"] = nullptr;
  return json;
}

}  // namespace hgnn_moe
