#include "hgnn_moe/train/session.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include "ablation_report.h"
#include "preflight.h"

#include "hgnn_moe/base/available_memory.h"
#include "hgnn_moe/base/cores.h"
#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/base/version.h"
#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/model/graph_effect.h"
#include "hgnn_moe/model/language_model.h"
#include "hgnn_moe/ops/coupling_kernels.h"
#include "hgnn_moe/ops/cpu_isa.h"
#include "hgnn_moe/train/checkpoint.h"
#include "hgnn_moe/train/checkpoint_folder.h"
#include "hgnn_moe/train/device.h"
#include "hgnn_moe/train/evaluation.h"
#include "hgnn_moe/train/generate.h"
#include "hgnn_moe/train/needed_flops.h"
#include "hgnn_moe/train/resume_point.h"
#include "hgnn_moe/train/run_folder.h"
#include "hgnn_moe/train/run_records.h"
#include "hgnn_moe/train/stop_signal.h"
#include "hgnn_moe/train/trainer.h"
#include "hgnn_moe/train/verify_coupler.h"

namespace hgnn_moe {

namespace {

using Log = std::shared_ptr<spdlog::logger>;

// Everything that fresh, resumed and evaluation-only runs share.
struct Session {
  ParsedConfig parsed;
  data::Dataset dataset;
  DeviceChoice device;
  ModelConfig model_config;
  RunLocation location;
  RunFolder folder;
  Log log;
  LanguageModel model;
  std::string first_weights;  // where they come from, "" for a seed's or a checkpoint's
  std::string verification;   // what was found before the run folder was touched

  const TrainConfig& config() const { return parsed.config; }
};

// With verify_coupler: on the first rows of the first epoch, as a training step sees them. What is
// to be said of it, or "" where nothing was asked for.
std::string verify_first_batch(const TrainConfig& config, const data::Dataset& dataset,
                               const LanguageModel& model, c10::Device device) {
  if (!config.verify_coupler || !model.config().has_graph()) return "";
  if (model.coupler_path() == CouplerPath::sequential) return "";
  const bool training = dataset.train != nullptr && !config.eval_only;
  const data::SampleSet& set = training ? *dataset.train : *dataset.eval;
  const auto seed = static_cast<std::uint64_t>(config.seed);
  const std::vector<std::int64_t> rows =
      training ? data::epoch_order(training_rows(config, set), config.shuffle, seed, 0)
               : evaluation_rows(config, set);
  const auto count = std::min(config.batch_size, static_cast<std::int64_t>(rows.size()));
  const data::Batch batch = data::make_batch(set, rows, 0, count);
  if (batch.real_targets == 0) return "verify_coupler is skipped: the first batch has no target";
  const DeviceBatch tensors = to_device(batch, 0, device);
  // The run has no log yet: until this is done its folder stays untouched.
  make_logger(config.quiet, std::nullopt)
      ->info("verify_coupler: comparing with coupler_path sequential on {} tokens, one by one",
             batch.real_tokens);
  ForwardContext context;
  context.training = training;
  context.dropout_rate = config.dropout_rate;
  context.seed = seed;
  verify_coupler(model, tensors, context);
  return fmt::format("verify_coupler: coupler_path {} agrees with sequential on {} tokens",
                     to_string(model.coupler_path()), batch.real_tokens);
}

// A resumed run has its weights only after its checkpoint is loaded.
void verify_resumed(const Session& session) {
  if (session.config().resume_checkpoint.empty()) return;
  const std::string said =
      verify_first_batch(session.config(), session.dataset, session.model, session.device.device);
  if (!said.empty()) session.log->info("{}", said);
}

// What init_from names, unless the run goes on from a checkpoint of its own.
std::string find_first_weights(const TrainConfig& config, const RunLocation& location) {
  const bool goes_on =
      !config.resume_checkpoint.empty() && !list_checkpoints(location.folder()).empty();
  return goes_on ? "" : config.init_from;
}

// Loads, checks and opens everything before the run folder is touched, see preflight.h.
Session open_session(const ParsedConfig& parsed) {
  const TrainConfig& config = parsed.config;
  configure_machine(config);
  DeviceChoice device = choose_device(config.device);
  set_precision(config.precision, device.device);
  data::Dataset dataset = data::open_dataset(config);
  ModelConfig model_config = make_model_config(config, dataset.vocab_size);
  check_sample_ids(sample_id_list(config), dataset.vocab_size);
  check_ablation(config, model_config);
  check_targets(config, dataset);
  const RunRequest request{config.checkpoint_dir, config.run_name, config.resume_checkpoint,
                           config.overwrite};
  RunLocation location = locate_run(request);
  check_init_from(config, location);
  check_evaluated(config, location);
  std::vector<std::string> warnings = {threads_warning(config.threads)};
  if (device.device.is_cpu()) {
    warnings.push_back(check_memory(config, model_config, dataset, available_memory()));
  }
  LanguageModel model(model_config, static_cast<std::uint64_t>(config.seed), at::kFloat,
                      device.device,
                      {config.coupler_path, config.coupler_chunk, config.expert_path,
                       config.activation_checkpointing});
  const std::string first_weights = find_first_weights(config, location);
  if (!first_weights.empty()) {
    load_weights(first_weights, model.parameters(), weight_notes(model_config),
                 model_options(config, model_config));
  }
  check_token_losses_path(config, dataset, location);
  const std::string verification = config.resume_checkpoint.empty()
                                       ? verify_first_batch(config, dataset, model, device.device)
                                       : "";
  RunFolder folder = RunFolder::open(location.checkpoint_dir, location.run_name, request.start());
  Log log = make_logger(config.quiet, folder.log_file());
  for (const std::string& warning : warnings) {
    if (!warning.empty()) log->warn("{}", warning);
  }
  return {parsed, std::move(dataset), device,        model_config, location, std::move(folder),
          log,    std::move(model),   first_weights, verification};
}

bool has_own_kernels(const Session& session) {
  const ModelConfig& model = session.model_config;
  return ops::has_coupling_kernels(session.device.device, product_type(model.precision, at::kFloat),
                                   model.num_experts, model.embed_dim);
}

void log_start(const Session& session) {
  const ParameterCounts counts = count_parameters(session.model_config);
  spdlog::logger& log = *session.log;
  log.info("hgnn_moe_train {} ({}), run {} on {}", project_version(), project_commit(),
           session.location.run_name, session.device.device.str());
  for (const std::string& warning : session.parsed.warnings) log.warn("{}", warning);
  for (const auto* notes : {&session.parsed.notes, &session.dataset.notes, &session.device.notes}) {
    for (const std::string& note : *notes) log.info("{}", note);
  }
  if (session.dataset.synthetic) {
    log.warn("training on synthetic data (synthetic_data is set): losses say nothing about text");
  }
  log.info("{} parameters: embeddings {}, experts {}, couplers {}, head {}", counts.total(),
           counts.embeddings, counts.experts, counts.couplers, counts.head);
  if (session.model_config.coupler_type == CouplerType::hgnn &&
      session.model_config.hypergraph_is_empty()) {
    log.warn("the hypergraph has no hyperedge (M = 0): the coupler computes MEAN");
  } else if (const std::string reason = no_op_reason(session.model_config); !reason.empty()) {
    log.warn("the graph is a no-op: {}", reason);
  }
  for (const std::string& note : hypergraph_notes(session.model_config)) log.warn("{}", note);
  if (session.model_config.precision == Precision::bf16 && session.device.device.is_cpu() &&
      ops::available_cpu_isas().back() != ops::CpuIsa::avx512_bf16) {
    log.warn(
        "precision is bf16, but this CPU has neither AMX nor AVX512-BF16: fp32 is faster here");
  }
  if (session.model_config.coupler_type != CouplerType::none && !has_own_kernels(session)) {
    log.info(
        "the coupler is computed by plain ATen operations: no kernel serves {} experts of {} "
        "features on {}",
        session.model_config.num_experts, session.model_config.embed_dim,
        session.device.device.str());
  }
}

std::optional<double> peak_of(const Session& session) {
  return peak_flops(device_name(session.device.device), session.model_config.precision);
}

RunSummary summarise(const Session& session, const TrainingState& state, RunStatus status,
                     const RunSpeed& speed = {}) {
  RunSummary summary;
  summary.run_name = session.location.run_name;
  summary.synthetic = session.dataset.synthetic;
  summary.best_eval_loss = state.best_eval_loss;
  summary.final_eval_loss = status == RunStatus::done ? state.last_eval_loss : std::nullopt;
  summary.steps = state.step;
  summary.tokens = state.tokens;
  summary.parameters = count_parameters(session.model_config).total();
  summary.seconds = state.seconds;
  summary.needed_flops_per_s = speed.flops_per_s();
  summary.mfu = speed.mfu(peak_of(session));
  summary.gpu_utilisation = speed.gpu_utilisation();
  summary.expert_path = session.model.expert_path();
  const ModelConfig& model = session.model_config;
  if (model.has_graph()) summary.coupler_path = session.model.coupler_path();
  if (model.coupler_type != CouplerType::none) {
    const bool plain = session.model.coupler_path() == CouplerPath::sequential;
    summary.coupler_kernels = has_own_kernels(session) && !plain;
  }
  summary.peak_memory_bytes = peak_memory_bytes(session.device.device);
  summary.status = status;
  return summary;
}

// With sample_ids: one line of JSON on standard output, for scripts/sample.py.
void print_sample(const Session& session) {
  const std::vector<std::int64_t> prompt = sample_id_list(session.config());
  if (prompt.empty()) return;
  const TrainConfig& config = session.config();
  const SamplerOptions options{config.temperature, config.top_k,
                               static_cast<std::uint64_t>(config.seed)};
  const auto continuation =
      generate(session.model, prompt, config.sample_tokens, options, session.device.device);
  write_standard_output(Json({{"sample_ids", prompt}, {"continuation_ids", continuation}}).dump() +
                        "\n");
}

int evaluate_only(Session& session) {
  const TrainConfig& config = session.config();
  TrainingState state;
  WeightSource source;
  if (const auto resume =
          find_resume_checkpoint(config.resume_checkpoint, session.location, *session.log)) {
    state = resume->state;  // its steps, tokens and seconds stay in the summary
    load_weights(*resume, session.model.parameters(), weight_notes(session.model_config),
                 model_options(config, session.model_config));
    source = {"checkpoints/" + resume->folder.filename().string(), state.step};
    session.log->info("weights of {}", resume->folder.string());
  } else if (!config.resume_checkpoint.empty()) {
    fail_without_checkpoint(config, session.location);  // removed since the start
  } else if (config.init_from.empty()) {
    session.log->warn("these are untrained weights: give init_from or resume_checkpoint");
  } else {
    source = {config.init_from, step_of_weights(config.init_from)};
  }
  verify_resumed(session);
  const bool keeps_losses = config.ablate || !config.dump_token_losses.empty();
  const auto evaluate_model = [&](const LanguageModel& model) {
    Evaluated evaluated;
    evaluated.result =
        evaluate(model, *session.dataset.eval, evaluation_rows(config, *session.dataset.eval),
                 config.batch_size, config.num_workers_dataloader, session.device.device,
                 keeps_losses ? &evaluated.losses : nullptr);
    return evaluated;
  };
  const bool in_a_run = !config.resume_checkpoint.empty();
  const auto summary = [&](RunStatus status) {
    const Json record = summary_record(summarise(session, state, status));
    if (in_a_run) {
      session.folder.write_evaluation(record);
    } else {
      session.folder.write_summary(record);
    }
  };
  with_summary_of_failure(*session.log, summary, [&] {
    const Evaluated whole = evaluate_model(session.model);
    const EvaluationResult& result = whole.result;
    if (!config.dump_token_losses.empty()) {
      write_token_losses(config.dump_token_losses, whole.losses);
    }
    session.log->info("evaluation loss {:.4f}, perplexity {:.1f}, {} targets", result.loss,
                      result.perplexity, result.targets);
    state.best_eval_loss = result.loss;
    state.last_eval_loss = result.loss;
    if (!std::isfinite(result.loss)) {
      fail(ExitCode::diverged, "the evaluation loss is {}; check the weights", result.loss);
    }
    if (config.ablate) {
      write_ablations(session.folder.ablation_folder(), source, session.model, whole,
                      evaluate_model, *session.log);
    }
    return true;
  });
  summary(RunStatus::done);
  print_sample(session);
  return 0;
}

// The state of a fresh run, or of the checkpoint that the run resumes from, loaded.
TrainingState begin(Session& session, AdamW& optimizer, MetricsWriter& metrics) {
  const TrainConfig& config = session.config();
  return begin_run(resume_fingerprint(config, session.model_config, session.dataset),
                   find_resume_checkpoint(config.resume_checkpoint, session.location, *session.log),
                   session.folder.path(), checkpoint_tensors(optimizer), metrics, *session.log);
}

int train(Session& session) {
  const TrainConfig& config = session.config();
  std::optional<StopSignal> stop(std::in_place);
  AdamW optimizer(session.model.parameters(), {0.9, 0.999, 1e-8, config.weight_decay});
  MetricsWriter metrics(session.folder.metrics_file());
  const data::SampleSet& train_set = *session.dataset.train;
  const BatchLimits limits = limits_of(train_set, make_plan(config, train_set).batch_samples(0));
  const auto steps =
      make_step_runner(session.model, optimizer, config, limits, session.device.device);
  Trainer trainer({config, session.dataset, session.folder, session.model, optimizer, metrics,
                   *session.log, session.device.device, *steps},
                  begin(session, optimizer, metrics));
  metrics.mirror_to(session.folder.tensorboard_folder());
  session.folder.write_config(
      config_record(session.parsed, session.dataset, session.device.device));
  const auto summary = [&](RunStatus status) {
    RunSummary summary = summarise(session, trainer.state(), status, trainer.speed());
    summary.startup_seconds = trainer.startup_seconds();
    summary.graphs = trainer.graphs();
    session.folder.write_summary(summary_record(summary));
  };
  const TrainPlan& plan = trainer.plan();
  session.log->info("{} steps; an epoch has {} steps over {} of {} samples in batches of {}",
                    plan.total_steps, plan.steps_per_epoch,
                    std::min(plan.samples, plan.batches_per_epoch * plan.batch_size), plan.samples,
                    config.batch_size);
  if (trainer.is_complete() && !config.dump_token_losses.empty()) {
    session.log->warn("the run is finished, so dump_token_losses is not written; use eval_only");
  }
  if (!trainer.is_complete()) verify_resumed(session);
  const bool complete =
      with_summary_of_failure(*session.log, summary, [&] { return trainer.run(*stop); });
  summary(complete ? RunStatus::done : RunStatus::stopped);
  if (!complete) {
    session.log->warn(
        "stopped by signal {} after step {}; resume with --resume_checkpoint auto "
        "--run_name {}",
        stop->received(), trainer.state().step, session.location.run_name);
    return 128 + stop->received();
  }
  const std::string speed =
      speed_text(trainer.speed(), device_name(session.device.device), peak_of(session));
  if (!speed.empty()) session.log->info("{}", speed);
  session.log->info("done: {} steps in {}, best evaluation loss {:.4f}; files in {}",
                    trainer.state().step, format_duration(trainer.state().seconds),
                    trainer.state().best_eval_loss.value_or(std::nan("")),
                    session.folder.path().string());
  // All is saved. A signal that came too late to stop the training ends the sampling, which would
  // be the rest of the run; so does, from here on, a later one by itself.
  stop.reset();
  const int received = StopSignal::last_received();
  if (received != 0 && !config.sample_ids.empty()) {
    session.log->warn("no sample is generated: stopped by signal {}", received);
    return 128 + received;
  }
  print_sample(session);
  return 0;
}

int run_opened(Session& session) {
  log_start(session);
  const TrainConfig& config = session.config();
  if (!session.first_weights.empty()) session.log->info("weights of {}", session.first_weights);
  if (!session.verification.empty()) session.log->info("{}", session.verification);
  if (config.eval_only) {
    // An evaluation inside an existing run leaves that run's configuration as it is.
    if (config.resume_checkpoint.empty()) {
      session.folder.write_config(
          config_record(session.parsed, session.dataset, session.device.device));
    }
    return evaluate_only(session);
  }
  return train(session);
}

}  // namespace

int run_session(const ParsedConfig& parsed) {
  Session session = open_session(parsed);
  try {
    return run_opened(session);
  } catch (const Error& error) {
    // The program says it on standard error; whoever finds the folder later reads it here.
    log_to_file(*session.log, spdlog::level::err, error.what());
    throw;
  }
}

}  // namespace hgnn_moe
