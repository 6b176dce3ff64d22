#include "hgnn_moe/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <iostream>

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "layer_events.h"
#include "profile.h"

#include "hgnn_moe/base/clock.h"
#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/base/process_age.h"
#include "hgnn_moe/model/profile_scopes.h"
#include "hgnn_moe/train/checkpoint_folder.h"
#include "hgnn_moe/train/device.h"
#include "hgnn_moe/train/needed_flops.h"
#include "hgnn_moe/train/schedule.h"
#include "hgnn_moe/train/weight_notes.h"

namespace hgnn_moe {

namespace {

constexpr double kCancelledDegree = 1e-3;

ScheduleConfig schedule_of(const TrainConfig& config, const TrainPlan& plan) {
  return {config.lr_schedule, config.learning_rate, config.warmup_steps, plan.total_steps};
}

ProgressOptions progress_options(const TrainConfig& config, const TrainPlan& plan,
                                 std::int64_t first_step) {
  ProgressOptions options;
  options.style = choose_progress_style(config.quiet);
  options.first_step = first_step;
  options.total_steps = plan.total_steps;
  options.epochs = plan.epochs;
  options.columns = terminal_columns();
  return options;
}

}  // namespace

std::vector<std::int64_t> training_rows(const TrainConfig& config, const data::SampleSet& set) {
  return data::choose_samples(set.size(), config.num_train_samples, config.shuffle,
                              static_cast<std::uint64_t>(config.seed), data::Split::train);
}

std::vector<std::int64_t> evaluation_rows(const TrainConfig& config, const data::SampleSet& set) {
  return data::choose_samples(set.size(), config.num_eval_samples, config.shuffle,
                              static_cast<std::uint64_t>(config.seed), data::Split::eval);
}

Trainer::Trainer(TrainerParts parts, TrainingState state)
    : parts_(parts),
      state_(std::move(state)),
      train_rows_(training_rows(parts.config, *parts.dataset.train)),
      eval_rows_(evaluation_rows(parts.config, *parts.dataset.eval)),
      plan_(make_plan(parts.config, static_cast<std::int64_t>(train_rows_.size()))),
      progress_(progress_options(parts.config, plan_, state_.step), std::cerr),
      checkpoints_(
          {parts.folder.path(), weight_notes(parts.model.config()), parts.config.keep_checkpoints},
          checkpoint_tensors(parts.optimizer), parts.metrics, parts.log),
      profile_(std::make_unique<StepProfile>(parts.config.profile, parts.folder.profile_folder(),
                                             parts.device, parts.log)) {}

Trainer::~Trainer() = default;

bool Trainer::run(const StopSignal& stop) {
  profile_->begin(plan_.total_steps - state_.step);
  started_ = seconds_now();
  if (state_.step == 0) record_layers();
  note_start();
  const bool complete = train_to_disk(stop);
  write_profile();
  return complete;
}

// Ends with its last checkpoint on the disk.
bool Trainer::train_to_disk(const StopSignal& stop) {
  try {
    const bool complete = train(stop);
    checkpoints_.wait();
    return complete;
  } catch (const Error& error) {
    if (error.code() != ExitCode::diverged) throw;
    throw with_advice(checkpoints_.first_divergence(error));
  }
}

// What a user can do: a resume refuses another learning rate, and with the same one diverges again.
// Not from weights that a loss or gradient of this run has come to nothing with.
Error Trainer::with_advice(const Error& error) const {
  const auto start = best_checkpoint_before(parts_.folder.path(), state_.step);
  return {
      error.code(),
      fmt::format(
          "{}; lower learning_rate {} and {}", error.what(), parts_.config.learning_rate,
          start ? fmt::format("start another run_name with --init_from {}", start->folder.string())
                : "train again with another --run_name or with --overwrite")};
}

void Trainer::note_start() {
  if (state_.step == plan_.total_steps) return;
  startup_seconds_ = process_age_seconds();
  if (startup_seconds_) parts_.log.info("first step after {:.2f} s", *startup_seconds_);
}

bool Trainer::is_complete() const {
  return state_.step == plan_.total_steps && !state_.evaluation_pending;
}

bool Trainer::train(const StopSignal& stop) {
  if (state_.evaluation_pending) {
    evaluate_and_save(stop);
    if (stop.received() != 0 && !is_complete()) return false;
  }
  while (state_.step < plan_.total_steps) {
    if (!run_epoch(stop)) return false;
  }
  return true;
}

// From state_.position to the end of the epoch. False where a signal ended it.
bool Trainer::run_epoch(const StopSignal& stop) {
  const TrainConfig& config = parts_.config;
  const auto order = data::epoch_order(train_rows_, config.shuffle,
                                       static_cast<std::uint64_t>(config.seed), state_.epoch);
  const std::int64_t first = state_.position;
  Prefetcher<data::Batch> prefetcher(
      plan_.batches_per_epoch - first, config.num_workers_dataloader, [&](std::int64_t i) {
        return data::make_batch(*parts_.dataset.train, order, (first + i) * plan_.batch_size,
                                plan_.batch_samples(first + i));
      });
  while (state_.step < plan_.total_steps) {
    checkpoints_.check();
    const std::int64_t end = plan_.last_batch(state_.position / plan_.accumulation);
    profile_->begin_step();
    const std::int64_t tokens = state_.tokens;
    next_step(prefetcher, end);
    // So that each of its steps is recorded by itself, and all of it.
    if (profile_->is_pending()) settle();
    profile_->end_step(state_.tokens != tokens);
    const bool saved = finish_step(end, stop);
    if (profile_->is_complete()) write_profile();
    if (stop.received() != 0 && !is_complete()) {
      if (!saved) {
        settle();
        save(/*last=*/true);
      }
      return false;
    }
    if (state_.position == 0) return true;
  }
  return true;
}

// The step of the micro-batches before `end`, started or, on a CPU, done.
void Trainer::next_step(Prefetcher<data::Batch>& prefetcher, std::int64_t end) {
  RECORD_USER_SCOPE(profile_scope::kStep);
  StepPlan plan;
  plan.step = state_.step;
  plan.epoch = state_.epoch;
  plan.learning_rate = learning_rate_at(state_.step, schedule_of(parts_.config, plan_));
  plan.begin = seconds_now();
  std::vector<data::Batch> batches;
  {
    RECORD_USER_SCOPE(profile_scope::kData);
    for (std::int64_t i = state_.position; i < end; ++i) {
      auto batch = prefetcher.next();
      HGNN_MOE_ASSERT(batch.has_value(), "no batch {} of epoch {}", i, state_.epoch);
      batches.push_back(std::move(*batch));
    }
  }
  plan.data_seconds = seconds_now() - plan.begin;
  for (const data::Batch& batch : batches) {
    plan.tokens += batch.real_tokens;
    plan.targets += batch.real_targets;
    plan.flops += needed_flops(parts_.model.config(), batch);
    if (batch.real_targets == 0) warn_of_empty_batch();
  }
  if (plan.targets == 0) return;
  if (const auto report = parts_.steps.start(plan, batches)) record(*report);
}

void Trainer::warn_of_empty_batch() {
  if (warned_of_empty_batches_) return;
  warned_of_empty_batches_ = true;
  parts_.log.warn("step {}: a batch without targets is skipped (its samples have one token)",
                  state_.step + 1);
}

// Waits for a step that is queued, so that parameters and records are those of state_.step.
void Trainer::settle() {
  if (const auto report = parts_.steps.finish()) record(*report);
}

// Writes down a step that is finished. It took the time since it was begun or, where steps overlap,
// since the one before was.
void Trainer::record(const StepReport& report) {
  const StepPlan& plan = report.plan;
  // Steps that were queued behind one that is not finite have updated nothing either.
  if (!report.is_finite()) state_.step = plan.step;
  check_finite(report);
  const double now = seconds_now();
  const double seconds = now - std::max(plan.begin, last_record_);
  last_record_ = now;
  state_.tokens += plan.tokens;
  state_.seconds += seconds;
  speed_.add(report, seconds);
  if (report.graphs.has_value()) note_graphs(*report.graphs);
  const double tokens_per_s = static_cast<double>(plan.tokens) / seconds;
  parts_.metrics.write(StepEvent{
      plan.step + 1, plan.epoch, report.loss, plan.learning_rate, report.grad_norm, plan.tokens,
      tokens_per_s, 1e3 * plan.data_seconds, 1e3 * report.forward_seconds,
      1e3 * report.backward_seconds, 1e3 * report.optimizer_seconds, memory_bytes(parts_.device)});
  show_progress(report, tokens_per_s);
  last_report_ = report;
}

void Trainer::note_graphs(const StepGraphs& graphs) {
  progress_.clear();
  if (!graphs.failure.empty()) {
    parts_.log.warn(
        "cuda_graphs: capturing the step failed, so steps go on uncaptured, as with "
        "--no_cuda_graphs: {}",
        graphs.failure);
    return;
  }
  graphs_ = graphs;
  parts_.log.info("steps are captured: {} CUDA graphs with {:.2f} GB of memory", graphs.count,
                  1e-9 * static_cast<double>(graphs.bytes));
}

// Counts the step, then evaluates and saves where that is due. Returns whether it saved.
bool Trainer::finish_step(std::int64_t next_batch, const StopSignal& stop) {
  ++state_.step;
  state_.position = next_batch;
  if (state_.position >= plan_.batches_per_epoch) {
    state_.position = 0;
    ++state_.epoch;
  }
  const auto is_due = [&](std::int64_t every) { return every > 0 && state_.step % every == 0; };
  const bool last = state_.step == plan_.total_steps;
  const bool evaluate = last || is_due(parts_.config.eval_every);
  const bool save_due = evaluate || is_due(parts_.config.save_every);
  if (save_due) settle();
  if (evaluate) {
    record_layers();  // here, as a resume that begins with the evaluation has no gradients
    evaluate_and_save(stop);
  } else if (save_due) {
    save(/*last=*/false);
  }
  return save_due;
}

// Of an evaluation that a signal or an error ends, training so far is saved, for a resume to begin
// with it.
void Trainer::evaluate_and_save(const StopSignal& stop) {
  state_.evaluation_pending = true;
  try {
    state_.evaluation_pending = !evaluate_now(stop);
  } catch (const Error& error) {
    if (error.code() != ExitCode::diverged) save_unevaluated();
    throw;
  } catch (...) {
    save_unevaluated();
    throw;
  }
  const bool last = state_.step == plan_.total_steps;
  save(last || state_.evaluation_pending);
  // After the checkpoint: a full disk here then loses no training.
  if (is_complete() && !parts_.config.dump_token_losses.empty()) {
    write_token_losses(parts_.config.dump_token_losses, token_losses_);
  }
}

void Trainer::save_unevaluated() {
  progress_.clear();
  write_beside_error(parts_.log, checkpoint_name(state_.step), [&] {
    save(/*last=*/true);
    parts_.log.warn("the evaluation after step {} failed: {} is saved, and a resume begins with it",
                    state_.step, checkpoint_name(state_.step));
  });
}

// Returns false where a signal ended it.
bool Trainer::evaluate_now(const StopSignal& stop) {
  const TrainConfig& config = parts_.config;
  const bool dump = state_.step == plan_.total_steps && !config.dump_token_losses.empty();
  const EvaluationResult result = evaluate(parts_.model, *parts_.dataset.eval, eval_rows_,
                                           config.batch_size, config.num_workers_dataloader,
                                           parts_.device, dump ? &token_losses_ : nullptr, &stop);
  if (!result.complete) {
    progress_.clear();
    parts_.log.warn("the evaluation after step {} is broken off: a resume begins with it",
                    state_.step);
    return false;
  }
  if (!std::isfinite(result.loss)) {
    fail(ExitCode::diverged, "step {}: the evaluation loss is {}", state_.step, result.loss);
  }
  parts_.metrics.write(EvalEvent{state_.step, result.loss, result.perplexity, result.targets});
  state_.last_eval_loss = result.loss;
  const bool best = !state_.best_eval_loss.has_value() || result.loss < *state_.best_eval_loss;
  if (best) {
    state_.best_eval_loss = result.loss;
    state_.best_step = state_.step;
  }
  progress_.clear();
  parts_.log.info("step {}/{}: evaluation loss {:.4f}, perplexity {:.1f}{}", state_.step,
                  plan_.total_steps, result.loss, result.perplexity, best ? ", best so far" : "");
  return true;
}

// The gradients are those of the step that ends here. It was computed by this process, which
// evaluates after steps alone, so a resumed run knows them too; a step without targets has none.
void Trainer::record_layers() {
  const LayerEvents events =
      observe_layers(parts_.model, *parts_.dataset.eval, eval_rows_, parts_.device, state_.step);
  for (const CouplerEvent& event : events.couplers) parts_.metrics.write(event);
  const bool has_gradients = last_report_.has_value() && last_report_->plan.step + 1 == state_.step;
  for (LayerEvent event : events.layers) {
    const auto layer = static_cast<std::size_t>(event.layer);
    if (has_gradients && layer < last_report_->hyperedge_weight_grad_norms.size()) {
      event.hyperedge_weight_grad_norm = last_report_->hyperedge_weight_grad_norms[layer];
    }
    parts_.metrics.write(event);
  }
  warn_of_cancelled_degrees();
}

void Trainer::warn_of_cancelled_degrees() {
  if (warned_of_degrees_) return;
  for (std::size_t l = 0; l < parts_.model.layers().size(); ++l) {
    const Coupler* coupler = parts_.model.layers()[l].coupler();
    if (coupler == nullptr) return;
    const double ratio = coupler->smallest_relative_degree();
    if (ratio >= kCancelledDegree) continue;
    warned_of_degrees_ = true;
    progress_.clear();
    parts_.log.warn(
        "layer {}: the hyperedge weights of an expert cancel to {:.1e} of their size, so its "
        "mixing is ill-conditioned; hyperedge_weight_param positive avoids it",
        l, ratio);
    return;
  }
}

void Trainer::save(bool last) {
  state_.metrics_length = parts_.metrics.length();
  if (last) {
    checkpoints_.save_now(state_);
  } else {
    checkpoints_.save(state_);
  }
}

void Trainer::write_profile() {
  if (!profile_->is_recording()) return;
  progress_.clear();
  profile_->write();
}

void Trainer::show_progress(const StepReport& report, double tokens_per_s) {
  ProgressUpdate update;
  update.step = report.plan.step + 1;
  update.epoch = report.plan.epoch + 1;
  update.loss = report.loss;
  update.items_per_second = tokens_per_s;
  update.seconds = seconds_now() - started_;
  progress_.update(update);
}

}  // namespace hgnn_moe
