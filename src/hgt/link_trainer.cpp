#include "hgnn_moe/hgt/link_trainer.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <utility>

#include <ATen/ATen.h>

#include "link_sampling.h"

#include "hgnn_moe/base/available_memory.h"
#include "hgnn_moe/base/clock.h"
#include "hgnn_moe/base/error.h"
#include "hgnn_moe/hgt/triple_ranking.h"
#include "hgnn_moe/train/device.h"
#include "hgnn_moe/train/schedule.h"

namespace hgnn_moe::hgt {

namespace {

ProgressOptions progress_options(const HgtConfig& config, std::int64_t first_step,
                                 std::int64_t total_steps) {
  ProgressOptions options;
  options.style = choose_progress_style(config.quiet);
  options.first_step = first_step;
  options.total_steps = total_steps;
  options.epochs = config.num_epochs;
  options.columns = terminal_columns();
  options.items = "triples";
  return options;
}

std::int64_t message_count(const kg::LinkBatch& batch) {
  std::int64_t count = 0;
  for (const kg::Block& block : batch.blocks) {
    for (const kg::BlockEdges& edges : block.relations) {
      count += static_cast<std::int64_t>(edges.heads.size());
    }
  }
  return count;
}

std::int64_t steps_of(const HgtConfig& config, std::int64_t steps_per_epoch) {
  const std::int64_t all = steps_per_epoch * config.num_epochs;
  return config.max_steps == kAll ? all : std::min(all, config.max_steps);
}

}  // namespace

LinkTrainer::LinkTrainer(LinkTrainerParts parts, TrainingState state)
    : parts_(parts),
      state_(std::move(state)),
      sampling_(std::make_unique<LinkSampling>(parts.config, parts.data)),
      triples_(sampling_->facts().size()),
      steps_per_epoch_(kg::batch_count(triples_, parts.config.batch_size)),
      progress_(progress_options(parts.config, state_.step, total_steps()), std::cerr),
      checkpoints_({parts.folder.path(), {}, parts.config.keep_checkpoints},
                   parts.optimizer.tensors(), parts.metrics, parts.log,
                   [copies = parts.copies_checkpoints] {
                     return copies ? available_memory() : std::optional<std::int64_t>(0);
                   }) {}

LinkTrainer::~LinkTrainer() = default;

std::int64_t LinkTrainer::total_steps() const { return steps_of(parts_.config, steps_per_epoch_); }

bool LinkTrainer::run(const StopSignal& stop) {
  started_ = seconds_now();
  try {
    while (state_.step < total_steps()) {
      if (!run_epoch(stop)) return false;
    }
    checkpoints_.wait();
    return true;
  } catch (const Error& error) {
    if (error.code() != ExitCode::diverged) throw;
    // A resume refuses another learning rate, and with the same one diverges again.
    fail(ExitCode::diverged,
         "{}; lower learning_rate {} and train again with another --run_name or with --overwrite",
         checkpoints_.first_divergence(error).what(), parts_.config.learning_rate);
  }
}

// From state_.position to the end of the epoch or of the run. False where a signal ended it.
bool LinkTrainer::run_epoch(const StopSignal& stop) {
  const HgtConfig& config = parts_.config;
  const std::int64_t first = state_.position, parts = config.accumulation_steps;
  const std::int64_t first_step = state_.step;
  const kg::EpochTargets epoch(sampling_->facts(), static_cast<std::uint64_t>(config.seed),
                               state_.epoch);
  const auto batch_at = [&](std::int64_t i) {
    return kg::batch_range(triples_, config.batch_size, first + i);
  };
  const std::int64_t steps = std::min(steps_per_epoch_ - first, total_steps() - first_step);
  // Only the epoch's last batch can have fewer triples than parts.
  const auto parts_of_last =
      static_cast<std::int64_t>(kg::micro_batches(batch_at(steps - 1), parts).size());
  Batches batches(
      (steps - 1) * parts + parts_of_last, config.num_workers_dataloader, [&](std::int64_t i) {
        const kg::PositionRange batch = batch_at(i / parts);
        const auto part = static_cast<std::size_t>(i % parts);
        return sampling_->maker().make(epoch, batch, kg::micro_batches(batch, parts).at(part),
                                       i % parts, first_step + i / parts);
      });
  for (std::int64_t i = 0; i < steps; ++i) {
    checkpoints_.check();
    const double learning_rate =
        learning_rate_at(state_.step, {config.lr_schedule, config.learning_rate, 0, total_steps()});
    Step step = compute(batches, i + 1 == steps ? parts_of_last : parts);
    check_finite(step);
    const double begin = seconds_now();
    parts_.optimizer.step(learning_rate, step.grad_norm, config.grad_clip);
    step.optimizer_seconds = seconds_now() - begin;
    record(step, batch_at(i).size(), learning_rate);
    finish_step();
    if (stop.received() != 0 && state_.step < total_steps()) {
      save(/*last=*/true);
      return false;
    }
  }
  return true;
}

// Forward and backward of all micro-batches of a step.
LinkTrainer::Step LinkTrainer::compute(Batches& batches, std::int64_t micro_batches) {
  Step step;
  for (std::int64_t part = 0; part < micro_batches; ++part) {
    double begin = seconds_now();
    const auto lap = [&begin] {
      const double now = seconds_now();
      return now - std::exchange(begin, now);
    };
    const std::optional<kg::LinkBatch> batch = batches.next();
    HGNN_MOE_ASSERT(batch.has_value(), "no micro-batch {} of step {}", part, state_.step);
    step.data_seconds += lap();
    const LinkForward forward = parts_.model.forward(*batch);
    const at::Tensor loss = forward.losses.total(parts_.config.contrastive_weight);
    step.link += forward.losses.link.item<double>();
    if (forward.losses.contrast.defined()) step.contrast += forward.losses.contrast.item<double>();
    step.forward_seconds += lap();
    loss.backward();
    parts_.optimizer.collect(forward);
    step.nodes += static_cast<std::int64_t>(forward.input_nodes.size());
    step.edges += message_count(*batch);
    step.backward_seconds += lap();
  }
  step.grad_norm = parts_.optimizer.gradient_norm();
  return step;
}

void LinkTrainer::check_finite(const Step& step) const {
  const double loss = step.link + parts_.config.contrastive_weight * step.contrast;
  if (std::isfinite(loss) && std::isfinite(step.grad_norm)) return;
  fail(ExitCode::diverged, "step {}: the loss is {} and the norm of the gradients {}",
       state_.step + 1, loss, step.grad_norm);
}

void LinkTrainer::record(const Step& step, std::int64_t triples, double learning_rate) {
  const double seconds =
      step.data_seconds + step.forward_seconds + step.backward_seconds + step.optimizer_seconds;
  const double loss = step.link + parts_.config.contrastive_weight * step.contrast;
  const double triples_per_s = static_cast<double>(triples) / seconds;
  state_.tokens += triples;
  state_.seconds += seconds;
  Json event = {{"event", "step"},
                {"step", state_.step + 1},
                {"epoch", state_.epoch},
                {"loss", loss},
                {"link_loss", step.link}};
  if (parts_.config.contrastive_weight > 0) event["contrast_loss"] = step.contrast;
  event["learning_rate"] = learning_rate;
  event["grad_norm"] = step.grad_norm;
  event["triples"] = triples;
  event["nodes"] = step.nodes;
  event["messages"] = step.edges;
  event["triples_per_s"] = triples_per_s;
  event["data_ms"] = 1e3 * step.data_seconds;
  event["forward_ms"] = 1e3 * step.forward_seconds;
  event["backward_ms"] = 1e3 * step.backward_seconds;
  event["optimizer_ms"] = 1e3 * step.optimizer_seconds;
  event["memory_bytes"] = memory_bytes(parts_.model.device());
  parts_.metrics.write(event);

  ProgressUpdate update;
  update.step = state_.step + 1;
  update.epoch = state_.epoch + 1;
  update.loss = loss;
  update.items_per_second = triples_per_s;
  update.seconds = seconds_now() - started_;
  progress_.update(update);
}

// Counts the step; at the end of the run, and of an epoch where that is due, evaluates and saves.
void LinkTrainer::finish_step() {
  ++state_.step;
  ++state_.position;
  const bool ends_epoch = state_.position == steps_per_epoch_;
  if (ends_epoch) {
    state_.position = 0;
    ++state_.epoch;
  }
  const bool last = state_.step == total_steps();
  const std::int64_t every = parts_.config.eval_every;
  if (!last && (!ends_epoch || every == 0 || state_.epoch % every != 0)) return;
  evaluate();
  save(last);
}

void LinkTrainer::evaluate() {
  const kg::Graph& graph = parts_.data.split.train;
  const std::vector<kg::Triple> triples =
      some_triples(parts_.data.split.valid, parts_.config.num_eval_triples,
                   static_cast<std::uint64_t>(parts_.config.seed));
  if (triples.empty()) return;
  const at::Tensor embeddings_NF = parts_.model.embed(parts_.data.messages);
  const kg::TripleIndex known(graph, kg::held_out_facts(parts_.data.split));
  const kg::RankFigures figures =
      rank_triples(parts_.model.decoder(), embeddings_NF, graph, triples, known).micro();
  const double loss = 1.0 - figures.mrr;
  parts_.metrics.write({{"event", "eval"},
                        {"step", state_.step},
                        {"epoch", state_.epoch},
                        {"mrr", figures.mrr},
                        {"hits_at_1", figures.hits_at_1},
                        {"hits_at_3", figures.hits_at_3},
                        {"hits_at_10", figures.hits_at_10},
                        {"ranks", figures.ranks}});
  state_.last_eval_loss = loss;
  const bool best = !state_.best_eval_loss.has_value() || loss < *state_.best_eval_loss;
  if (best) {
    state_.best_eval_loss = loss;
    state_.best_step = state_.step;
  }
  progress_.clear();
  parts_.log.info("epoch {}/{}: validation MRR {:.4f}, Hits@1 {:.3f}, Hits@10 {:.3f}{}",
                  state_.epoch + (state_.position > 0 ? 1 : 0), parts_.config.num_epochs,
                  figures.mrr, figures.hits_at_1, figures.hits_at_10, best ? ", best so far" : "");
}

void LinkTrainer::save(bool last) {
  state_.metrics_length = parts_.metrics.length();
  if (last) {
    checkpoints_.save_now(state_);
  } else {
    checkpoints_.save(state_);
  }
}

}  // namespace hgnn_moe::hgt
