#include "hgnn_moe/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "coupler_events.h"
#include "profile.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/process_age.h"
#include "hgnn_moe/model/profile_scopes.h"
#include "hgnn_moe/train/device.h"
#include "hgnn_moe/train/device_batch.h"
#include "hgnn_moe/train/schedule.h"
#include "hgnn_moe/train/weight_notes.h"

namespace hgnn_moe {

namespace {

constexpr double kCancelledDegree = 1e-3;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Adds the time since `mark` to `total` and moves the mark.
void lap(double& mark, double& total, c10::Device device) {
  wait_for(device);
  const double now = seconds_now();
  total += now - mark;
  mark = now;
}

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
          parts.optimizer, parts.metrics, parts.log),
      profile_(std::make_unique<StepProfile>(parts.config.profile, parts.folder.profile_folder(),
                                             parts.device, parts.log)) {}

Trainer::~Trainer() = default;

bool Trainer::run(const StopSignal& stop) {
  profile_->begin(plan_.total_steps - state_.step);
  started_ = seconds_now();
  if (state_.step == 0) record_couplers();
  note_start();
  const bool complete = train(stop);
  checkpoints_.wait();
  write_profile();
  return complete;
}

void Trainer::note_start() {
  if (state_.step == plan_.total_steps) return;
  startup_seconds_ = process_age_seconds();
  if (startup_seconds_) parts_.log.info("first step after {:.2f} s", *startup_seconds_);
}

bool Trainer::train(const StopSignal& stop) {
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
  data::Prefetcher prefetcher(
      plan_.batches_per_epoch - first, config.num_workers_dataloader, [&](std::int64_t i) {
        return data::make_batch(*parts_.dataset.train, order, (first + i) * plan_.batch_size,
                                plan_.batch_samples(first + i));
      });
  while (state_.step < plan_.total_steps) {
    checkpoints_.check();
    const std::int64_t end = plan_.last_batch(state_.position / plan_.accumulation);
    profile_->begin_step();
    profile_->end_step(next_step(prefetcher, end));
    const bool saved = finish_step(end);
    if (profile_->is_complete()) write_profile();
    const bool complete = state_.step == plan_.total_steps;
    if (stop.received() != 0 && !complete) {
      if (!saved) save(/*last=*/true);
      return false;
    }
    if (state_.position == 0) return true;
  }
  return true;
}

// The step of the micro-batches before `end`. Returns whether it updated anything.
bool Trainer::next_step(data::Prefetcher& prefetcher, std::int64_t end) {
  RECORD_USER_SCOPE(profile_scope::kStep);
  StepTimes times;
  double mark = seconds_now();
  std::vector<data::Batch> batches;
  {
    RECORD_USER_SCOPE(profile_scope::kData);
    for (std::int64_t i = state_.position; i < end; ++i) {
      auto batch = prefetcher.next();
      HGNN_MOE_ASSERT(batch.has_value(), "no batch {} of epoch {}", i, state_.epoch);
      batches.push_back(std::move(*batch));
    }
  }
  lap(mark, times.data, parts_.device);
  return train_step(batches, times);
}

// One update from the micro-batches of a step. False where none of them has a target.
bool Trainer::train_step(const std::vector<data::Batch>& batches, StepTimes times) {
  const double begin = seconds_now();
  std::int64_t real_targets = 0, tokens = 0;
  for (const data::Batch& batch : batches) {
    real_targets += batch.real_targets;
    tokens += batch.real_tokens;
    if (batch.real_targets == 0 && !warned_of_empty_batches_) {
      warned_of_empty_batches_ = true;
      parts_.log.warn("step {}: a batch without targets is skipped (its samples have one token)",
                      state_.step + 1);
    }
  }
  if (real_targets == 0) return false;

  const double loss = accumulate_gradients(batches, real_targets, times);
  const double rate = learning_rate_at(state_.step, schedule_of(parts_.config, plan_));
  const double grad_norm = optimize(loss, rate, times);

  const double seconds = seconds_now() - begin + times.data;
  state_.tokens += tokens;
  state_.seconds += seconds;
  const double tokens_per_s = static_cast<double>(tokens) / seconds;
  parts_.metrics.write(StepEvent{state_.step + 1, state_.epoch, loss, rate, grad_norm, tokens,
                                 tokens_per_s, 1e3 * times.data, 1e3 * times.forward,
                                 1e3 * times.backward, 1e3 * times.optimizer,
                                 memory_bytes(parts_.device)});
  show_progress(loss, tokens_per_s);
  return true;
}

// Updates the parameters from the clipped gradients and drops those. Returns their norm before.
double Trainer::optimize(double loss, double rate, StepTimes& times) {
  RECORD_USER_SCOPE(profile_scope::kOptimizer);
  double mark = seconds_now();
  const at::Tensor norm = gradient_norm(parts_.optimizer.parameters());
  const auto grad_norm = norm.item<double>();
  if (!std::isfinite(grad_norm)) {
    fail(ExitCode::diverged,
         "step {}: the gradient's norm is {} at loss {}; lower learning_rate or resume from the "
         "last checkpoint with other settings",
         state_.step + 1, grad_norm, loss);
  }
  parts_.optimizer.step(rate, clip_scale(norm, parts_.config.grad_clip));
  for (const NamedParameter& parameter : parts_.optimizer.parameters()) {
    at::Tensor tensor = parameter.tensor;
    tensor.mutable_grad().reset();
  }
  lap(mark, times.optimizer, parts_.device);
  return grad_norm;
}

// Gradients of the mean loss over all real targets of the step, so that micro-batches give what
// one big batch gives. Returns that loss.
double Trainer::accumulate_gradients(const std::vector<data::Batch>& batches,
                                     std::int64_t real_targets, StepTimes& times) {
  ForwardContext context;
  context.training = true;
  context.dropout_rate = parts_.config.dropout_rate;
  context.seed = static_cast<std::uint64_t>(parts_.config.seed);
  context.step = state_.step;
  double loss = 0.0;
  std::int64_t first_index = 0;
  for (const data::Batch& batch : batches) {
    const std::int64_t index = first_index;
    first_index += batch.size;
    if (batch.real_targets == 0) continue;
    double mark = seconds_now();
    const DeviceBatch tensors = to_device(batch, index, parts_.device);
    // Of the mean over the targets of all micro-batches of the step.
    const at::Tensor share =
        target_loss(parts_.model, tensors, context, 1.0 / static_cast<double>(real_targets));
    const double value = share.item<double>();
    loss += value;
    lap(mark, times.forward, parts_.device);
    if (!std::isfinite(value)) {
      fail(ExitCode::diverged,
           "step {}: the loss is {}; lower learning_rate or resume from the last checkpoint with "
           "other settings",
           state_.step + 1, value);
    }
    share.backward();
    lap(mark, times.backward, parts_.device);
  }
  return loss;
}

// Counts the step, then evaluates and saves where that is due. Returns whether it saved.
bool Trainer::finish_step(std::int64_t next_batch) {
  ++state_.step;
  state_.position = next_batch;
  if (state_.position >= plan_.batches_per_epoch) {
    state_.position = 0;
    ++state_.epoch;
  }
  const auto is_due = [&](std::int64_t every) { return every > 0 && state_.step % every == 0; };
  const bool last = state_.step == plan_.total_steps;
  const bool evaluate = last || is_due(parts_.config.eval_every);
  if (evaluate) evaluate_now(last);
  const bool save_due = evaluate || is_due(parts_.config.save_every);
  if (save_due) save(last);
  // After the checkpoint: a full disk here then loses no training.
  if (last && !parts_.config.dump_token_losses.empty()) {
    write_token_losses(parts_.config.dump_token_losses, token_losses_);
  }
  return save_due;
}

void Trainer::evaluate_now(bool last) {
  const TrainConfig& config = parts_.config;
  const bool dump = last && !config.dump_token_losses.empty();
  const EvaluationResult result =
      evaluate(parts_.model, *parts_.dataset.eval, eval_rows_, config.batch_size,
               config.num_workers_dataloader, parts_.device, dump ? &token_losses_ : nullptr);
  if (!std::isfinite(result.loss)) {
    fail(ExitCode::diverged,
         "step {}: the evaluation loss is {}; lower learning_rate or resume from an earlier "
         "checkpoint with other settings",
         state_.step, result.loss);
  }
  parts_.metrics.write(EvalEvent{state_.step, result.loss, result.perplexity, result.targets});
  record_couplers();
  state_.last_eval_loss = result.loss;
  const bool best = !state_.best_eval_loss.has_value() || result.loss < *state_.best_eval_loss;
  if (best) {
    state_.best_eval_loss = result.loss;
    state_.best_step = state_.step;
  }
  progress_.clear();
  parts_.log.info("step {}/{}: evaluation loss {:.4f}, perplexity {:.1f}{}", state_.step,
                  plan_.total_steps, result.loss, result.perplexity, best ? ", best so far" : "");
}

void Trainer::record_couplers() {
  const auto graphs = mean_graphs(parts_.model, *parts_.dataset.eval, eval_rows_, parts_.device);
  for (const CouplerEvent& event : coupler_events(parts_.model, state_.step, graphs)) {
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

void Trainer::show_progress(double loss, double tokens_per_s) {
  ProgressUpdate update;
  update.step = state_.step + 1;
  update.epoch = state_.epoch + 1;
  update.loss = loss;
  update.tokens_per_second = tokens_per_s;
  update.seconds = seconds_now() - started_;
  progress_.update(update);
}

}  // namespace hgnn_moe
