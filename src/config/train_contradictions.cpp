// What no single option can tell: contradictions between options, and options without effect.
#include <filesystem>

#include <fmt/format.h>

#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {

namespace {

bool is_given(const Settings& settings, const char* name) { return settings.count(name) > 0; }

// "run_name (flag)": in a contradiction the user must know where each side was set.
std::string with_source(const Settings& settings, const char* name) {
  const auto found = settings.find(name);
  return fmt::format("{} ({})", name, found == settings.end() ? "default" : found->second.source);
}

void check_heads(const TrainConfig& config, const Settings& settings, ErrorList& errors) {
  if (errors.concerns("embed_dim") || errors.concerns("num_heads")) return;
  const std::int64_t heads = resolved_num_heads(config);
  if (config.embed_dim % heads == 0) return;
  errors.add(fmt::format(
      "{} is {}, which {} attention heads{} do not divide; change embed_dim or num_heads",
      with_source(settings, "embed_dim"), config.embed_dim, heads,
      is_given(settings, "num_heads") ? "" : " (num_heads auto)"));
}

void check_hyperedges(const Settings& settings, ErrorList& errors) {
  if (is_given(settings, "hyperedges_file") && is_given(settings, "static_hyperedge_strategy")) {
    errors.add(fmt::format("{} and {} both name the hyperedges; keep one of them",
                           with_source(settings, "hyperedges_file"),
                           with_source(settings, "static_hyperedge_strategy")));
  }
}

void check_compat(const TrainConfig& config, const Settings& settings, ErrorList& errors) {
  if (config.compat != Compat::original) return;
  const TrainConfig original = resolve(config);
  const auto check = [&](const char* name, const std::string& value, const std::string& expected) {
    if (is_given(settings, name) && value != expected) {
      errors.add(fmt::format("{} is {}, but {} original means {}; drop one of them",
                             with_source(settings, name), value, with_source(settings, "compat"),
                             expected));
    }
  };
  check("hyperedge_weighting", to_string(config.hyperedge_weighting),
        to_string(original.hyperedge_weighting));
  check("hyperedge_weight_param", to_string(config.hyperedge_weight_param),
        to_string(original.hyperedge_weight_param));
}

void check_resume(const TrainConfig& config, const Settings& settings, ErrorList& errors) {
  if (config.resume_checkpoint.empty()) return;
  if (config.resume_checkpoint == "auto" && config.run_name.empty() &&
      !errors.concerns("run_name")) {
    errors.add(fmt::format("{} is auto, which needs the run to look in; give run_name",
                           with_source(settings, "resume_checkpoint")));
  }
  if (config.overwrite) {
    errors.add(fmt::format("{} continues a run that {} would delete; keep one of them",
                           with_source(settings, "resume_checkpoint"),
                           with_source(settings, "overwrite")));
  }
  // With auto, weights are those to start from where there is no checkpoint yet.
  if (!config.init_from.empty() && (config.resume_checkpoint != "auto" || config.eval_only)) {
    errors.add(fmt::format("{} and {} both name the first weights; keep one of them",
                           with_source(settings, "resume_checkpoint"),
                           with_source(settings, "init_from")));
  }
}

bool has_coupler_layers(const TrainConfig& config) {
  return config.coupler_type == CouplerType::gnn || config.coupler_type == CouplerType::hgnn;
}

// The options that keep a coupler's layers from being computed as one weighted mean.
std::vector<const char*> obstacles_to_collapse(const TrainConfig& config) {
  if (config.coupler_type != CouplerType::hgnn) return {"coupler_type"};
  std::vector<const char*> obstacles;
  if (config.hgnn_activation != HgnnActivation::none) obstacles.push_back("hgnn_activation");
  if (config.hgnn_residual) obstacles.push_back("hgnn_residual");
  return obstacles;
}

void check_coupler_path(const TrainConfig& config, const Settings& settings, ErrorList& errors) {
  if (config.coupler_path != CouplerPath::collapsed || !has_coupler_layers(config)) return;
  std::vector<std::string> obstacles;
  for (const char* name : obstacles_to_collapse(config)) {
    obstacles.push_back(with_source(settings, name));
  }
  if (obstacles.empty()) return;
  errors.add(fmt::format(
      "{} is collapsed, which only an HGNN without activation and residual allows, and {} {} "
      "otherwise; take auto",
      with_source(settings, "coupler_path"), join(obstacles, " and "),
      obstacles.size() == 1 ? "says" : "say"));
}

void check_coupler_chunk(const TrainConfig& config, const Settings& settings, ErrorList& errors) {
  if (config.coupler_chunk == 0 || config.coupler_chunk >= kSmallestCouplerChunk) return;
  errors.add(fmt::format("{} is {}; it can be 0, for all tokens at once, or at least {}",
                         with_source(settings, "coupler_chunk"), config.coupler_chunk,
                         kSmallestCouplerChunk));
}

// Weights per token are softplus of a projection, with the learnable weights as its bias.
void check_weight_source(const TrainConfig& config, const Settings& settings, ErrorList& errors) {
  if (config.hyperedge_weight_source != HyperedgeWeightSource::token) return;
  if (config.coupler_type != CouplerType::hgnn) return;
  if (!config.hgnn_learnable_edge_weights) {
    errors.add(fmt::format("{} is token, which learns weights, but {} is false; drop one of them",
                           with_source(settings, "hyperedge_weight_source"),
                           with_source(settings, "hgnn_learnable_edge_weights")));
  }
  if (resolve(config).hyperedge_weight_param == HyperedgeWeightParam::raw) {
    errors.add(fmt::format(
        "{} is token, whose weights are positive, but {} means raw ones; drop one of them",
        with_source(settings, "hyperedge_weight_source"),
        with_source(settings,
                    config.compat == Compat::original ? "compat" : "hyperedge_weight_param")));
  }
}

void check_ablate(const TrainConfig& config, const Settings& settings, ErrorList& errors) {
  if (!config.ablate || config.eval_only) return;
  errors.add(fmt::format("{} evaluates a trained model, but {} is false; add eval_only",
                         with_source(settings, "ablate"), with_source(settings, "eval_only")));
}

void check_token_losses(const TrainConfig& config, const Settings& settings, ErrorList& errors) {
  const std::string& file = config.dump_token_losses;
  if (file.empty() || std::filesystem::path(file).extension() == ".npy") return;
  errors.add(fmt::format("{} is {}; it is a NumPy file, whose name ends in .npy",
                         with_source(settings, "dump_token_losses"), file));
}

// A value other than a boolean's false, which asks for nothing.
bool is_asked_for(const Settings& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found != settings.end() && found->second.value != false;
}

// Training for hours is not what was meant where the sweep was forgotten.
void check_without_sweep(const TrainConfig& config, const Settings& settings, ErrorList& errors) {
  const auto expect_not = [&](bool asked_for, const char* name) {
    if (!asked_for) return;
    errors.add(
        fmt::format("{} is for sweeps; give sweep, or drop it", with_source(settings, name)));
  };
  expect_not(config.sweep_dry_run, "sweep_dry_run");
  expect_not(config.sweep_jobs > 1, "sweep_jobs");
  expect_not(config.sweep_export != SweepExport::none, "sweep_export");
  expect_not(config.sweep_retry_failed, "sweep_retry_failed");
}

void check_with_sweep(const TrainConfig& config, const Settings& settings, ErrorList& errors) {
  for (const char* name : {"resume_checkpoint", "overwrite", "dry_run", "eval_only", "ablate",
                           "dump_token_losses", "sample_ids", "match_parameters"}) {
    if (!is_asked_for(settings, name)) continue;
    errors.add(
        fmt::format("{} is for a single run, and a sweep has many and resumes them by itself; "
                    "drop it",
                    with_source(settings, name)));
  }
  if (config.sweep_dry_run && config.sweep_export != SweepExport::none) {
    errors.add(fmt::format("{} writes nothing and {} asks for files; keep one of them",
                           with_source(settings, "sweep_dry_run"),
                           with_source(settings, "sweep_export")));
  }
}

}  // namespace

const std::vector<std::string>& options_outside_sweeps() {
  static const std::vector<std::string> names = {"sweep",
                                                 "sweep_dry_run",
                                                 "sweep_jobs",
                                                 "sweep_export",
                                                 "sweep_retry_failed",
                                                 "match_parameters",
                                                 "checkpoint_dir",
                                                 "run_name",
                                                 "resume_checkpoint",
                                                 "overwrite",
                                                 "quiet",
                                                 "dry_run",
                                                 "eval_only",
                                                 "ablate",
                                                 "dump_token_losses",
                                                 "sample_ids"};
  return names;
}

void check_contradictions(const TrainConfig& config, const Settings& settings, ErrorList& errors) {
  if (!config.sweep.empty()) {
    // The rest is checked run by run: flags alone need not fit together.
    check_with_sweep(config, settings, errors);
    return;
  }
  check_without_sweep(config, settings, errors);
  check_heads(config, settings, errors);
  check_hyperedges(settings, errors);
  check_compat(config, settings, errors);
  check_resume(config, settings, errors);
  check_coupler_path(config, settings, errors);
  check_coupler_chunk(config, settings, errors);
  check_weight_source(config, settings, errors);
  check_ablate(config, settings, errors);
  check_token_losses(config, settings, errors);
}

std::vector<std::string> configuration_warnings(const TrainConfig& config,
                                                const Settings& settings) {
  std::vector<std::string> unused;
  const auto expect = [&](bool in_use, std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (!in_use && is_given(settings, name)) unused.push_back(name);
    }
  };
  const bool is_hgnn = config.coupler_type == CouplerType::hgnn;
  const bool has_layers = has_coupler_layers(config);
  expect(has_layers, {"gnn_layers", "coupler_path", "coupler_chunk", "verify_coupler"});
  expect(is_hgnn, {"hgnn_conv_type", "static_hyperedge_strategy", "hyperedges_file",
                   "hgnn_learnable_edge_weights", "hyperedge_weighting", "hyperedge_weight_param",
                   "hyperedge_weight_source", "hgnn_activation", "hgnn_residual", "compat"});
  std::vector<std::string> warnings;
  if (!unused.empty()) {
    warnings.push_back(fmt::format("coupler_type is {}, so these have no effect: {}",
                                   to_string(config.coupler_type), join(unused, ", ")));
  }
  const bool is_collapsed =
      config.coupler_path == CouplerPath::automatic && obstacles_to_collapse(config).empty();
  const bool is_batched = config.coupler_path == CouplerPath::batched ||
                          (config.coupler_path == CouplerPath::automatic && !is_collapsed);
  if (config.coupler_chunk > 0 && has_layers && !is_batched) {
    warnings.push_back(
        fmt::format("coupler_chunk has no effect: couplers are computed on the {} path",
                    is_collapsed ? "collapsed" : to_string(config.coupler_path)));
  }
  if (config.verify_coupler && has_layers && config.coupler_path == CouplerPath::sequential) {
    warnings.push_back("coupler_path sequential is what verify_coupler compares with: no effect");
  }
  if (config.profile > 0 && (config.eval_only || config.dry_run)) {
    warnings.push_back(fmt::format("{} trains nothing, so this has no effect: profile",
                                   config.dry_run ? "dry_run" : "eval_only"));
  }
  return warnings;
}

}  // namespace hgnn_moe
