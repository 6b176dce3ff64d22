#include "hgnn_moe/train/run_records.h"

#include <cmath>
#include <filesystem>

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/base/version.h"
#include "hgnn_moe/ops/cpu_isa.h"
#include "hgnn_moe/ops/cuda_device.h"
#include "hgnn_moe/train/fingerprint.h"
#include "hgnn_moe/train/weight_notes.h"

namespace hgnn_moe {

namespace {

Json perplexity_or_null(const std::optional<double>& loss) {
  return loss.has_value() ? number_or_null(std::exp(*loss)) : Json(nullptr);
}

std::string cuda_text() {
  const ops::CudaStatus cuda = ops::cuda_status();
  if (!cuda.compiled) return "none in this build";
  return fmt::format("{}.{}", cuda.runtime_version / 1000, cuda.runtime_version % 1000 / 10);
}

// A limit of -1 is none.
bool is_lowered(std::int64_t saved, std::int64_t current) {
  return current >= 0 && (saved < 0 || current < saved);
}

}  // namespace

const char* status_name(RunStatus status) {
  switch (status) {
    case RunStatus::done:
      return "done";
    case RunStatus::stopped:
      return "stopped";
    case RunStatus::diverged:
      return "diverged";
    case RunStatus::failed:
      return "failed";
  }
  return "failed";
}

Json build_record(c10::Device device) {
  return {{"version", project_version()},    {"commit", project_commit()},
          {"torch", TORCH_VERSION},          {"cuda", cuda_text()},
          {"device", device.str()},          {"cpu_isa", ops::name_of(ops::cpu_isa())},
          {"threads", at::get_num_threads()}};
}

Json config_record(const ParsedConfig& parsed, const data::Dataset& dataset, c10::Device device) {
  Json provenance = Json::object();
  for (const auto& [key, source] : parsed.provenance) provenance[key] = source;
  Json record = Json::object();
  TrainConfig config = parsed.config;
  if (!config.hyperedges_file.empty()) {
    config.hyperedges_file = std::filesystem::absolute(config.hyperedges_file).string();
  }
  record["config"] = to_json(config);
  record["provenance"] = provenance;
  // Absolute, so that scripts find the data from any folder.
  record["data_folder"] =
      dataset.synthetic ? Json(nullptr) : Json(std::filesystem::absolute(dataset.folder).string());
  record["data_mode"] = dataset.synthetic ? "synthetic" : "real";
  record["vocab_size"] = dataset.vocab_size;
  record.update(build_record(device));
  return record;
}

Json resume_fingerprint(const TrainConfig& config, const ModelConfig& model,
                        const data::Dataset& dataset) {
  const Json all = to_json(config);
  Json fingerprint = Json::object();
  for (const char* key : {"embed_dim", "num_layers", "num_heads", "num_experts", "coupler_type",
                          "gnn_layers", "max_seq_length", "dropout_rate", "precision"}) {
    fingerprint[key] = all.at(key);
  }
  fingerprint["vocab_size"] = model.vocab_size;
  if (config.coupler_type == CouplerType::hgnn) {
    for (const char* key :
         {"hgnn_learnable_edge_weights", "hyperedge_weighting", "hyperedge_weight_param",
          "hyperedge_weight_source", "hgnn_activation", "hgnn_residual"}) {
      fingerprint[key] = all.at(key);
    }
    fingerprint["hyperedges (hash)"] = hyperedges_hash(model.hypergraph);
  }
  fingerprint["data (content hash)"] = dataset.content_hash;
  if (config.sample_mode == SampleMode::packed) {
    fingerprint["end_of_text_id"] = dataset.end_of_text_id;
  }
  for (const char* key :
       {"sample_mode", "shuffle", "num_train_samples", "num_eval_samples", "synthetic_data", "seed",
        "batch_size", "gradient_accumulation_steps", "max_batches_per_epoch", "learning_rate",
        "lr_schedule", "warmup_steps", "weight_decay", "grad_clip"}) {
    fingerprint[key] = all.at(key);
  }
  fingerprint["horizon"] = {{"epochs", config.epochs}, {"max_steps", config.max_steps}};
  return fingerprint;
}

Json model_options(const TrainConfig& config, const ModelConfig& model) {
  Json options = to_json(config);
  options["vocab_size"] = model.vocab_size;
  return options;
}

std::string check_resume(const Json& saved, const Json& current) {
  Json saved_rest = saved, current_rest = current;
  saved_rest.erase("horizon");
  current_rest.erase("horizon");
  std::vector<std::string> differences = compare_fingerprint(saved_rest, current_rest);
  std::vector<std::string> raised;
  for (const auto& [key, value] : current.at("horizon").items()) {
    const auto before = saved.at("horizon").at(key).get<std::int64_t>();
    const auto now = value.get<std::int64_t>();
    if (is_lowered(before, now)) {
      differences.push_back(
          fmt::format("{}: {} in the checkpoint, {} now; it may only be raised", key, before, now));
    } else if (before != now) {
      raised.push_back(fmt::format("{} from {} to {}", key, before, now));
    }
  }
  if (!differences.empty()) {
    std::string message =
        "resume_checkpoint: this is not the same run; give the checkpoint's values or start a new "
        "run_name";
    for (const std::string& difference : differences) message += "\n  " + difference;
    throw Error(ExitCode::usage, message);
  }
  if (raised.empty()) return "";
  return "raised " + join(raised, " and ") +
         "; the learning-rate schedule is recomputed for the new length";
}

Json summary_record(const RunSummary& summary) {
  Json record = Json::object();
  record["run_name"] = summary.run_name;
  record["data_mode"] = summary.synthetic ? "synthetic" : "real";
  record["best_eval_loss"] = number_or_null(summary.best_eval_loss);
  record["best_eval_perplexity"] = perplexity_or_null(summary.best_eval_loss);
  record["final_eval_loss"] = number_or_null(summary.final_eval_loss);
  record["steps"] = summary.steps;
  record["tokens"] = summary.tokens;
  record["parameters"] = summary.parameters;
  record["seconds"] = summary.seconds;
  record["tokens_per_s"] = summary.seconds > 0.0
                               ? Json(static_cast<double>(summary.tokens) / summary.seconds)
                               : Json(nullptr);
  record["startup_seconds"] = number_or_null(summary.startup_seconds);
  record["needed_flops_per_s"] = number_or_null(summary.needed_flops_per_s);
  record["mfu"] = number_or_null(summary.mfu);
  record["gpu_utilisation"] = number_or_null(summary.gpu_utilisation);
  record["expert_path"] = to_string(summary.expert_path);
  record["coupler_path"] =
      summary.coupler_path.has_value() ? Json(to_string(*summary.coupler_path)) : Json(nullptr);
  record["coupler_kernels"] = summary.coupler_kernels.has_value()
                                  ? Json(*summary.coupler_kernels ? "own" : "aten")
                                  : Json(nullptr);
  record["cuda_graphs"] =
      summary.graphs.has_value()
          ? Json({{"count", summary.graphs->count}, {"memory_bytes", summary.graphs->bytes}})
          : Json(nullptr);
  record["peak_memory_bytes"] = summary.peak_memory_bytes;
  record["status"] = status_name(summary.status);
  return record;
}

bool with_summary_of_failure(spdlog::logger& log,
                             const std::function<void(RunStatus)>& write_summary,
                             const std::function<bool()>& work) {
  const auto write = [&](RunStatus status) {
    write_beside_error(log, "run_summary.json", [&] { write_summary(status); });
  };
  try {
    return work();
  } catch (const Error& error) {
    write(error.code() == ExitCode::diverged ? RunStatus::diverged : RunStatus::failed);
    throw;
  } catch (...) {
    write(RunStatus::failed);
    throw;
  }
}

std::string version_text(const char* program) {
  return fmt::format("{} {} (commit {})\nLibTorch {}\nCUDA {}\nCPU {}, kernels for {}\n", program,
                     project_version(), project_commit(), TORCH_VERSION, cuda_text(),
                     at::get_cpu_capability(), ops::name_of(ops::cpu_isa()));
}

}  // namespace hgnn_moe
