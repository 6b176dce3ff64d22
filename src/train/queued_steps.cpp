#include "queued_steps.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/model/profile_scopes.h"

namespace hgnn_moe {

namespace {

// Before anything is captured: libraries make their handles and workspaces in the first steps.
constexpr std::int64_t kWarmUpSteps = 3;

// Words of the results: loss and norm share the first, the others are times in nanoseconds.
enum ResultWord : std::int64_t {
  kLossAndNorm,
  kBegin,
  kEnd,
  kForward,  // sums over the micro-batches
  kBackward,
  kBatchBegin,  // of the last micro-batch
  kBatchForwardEnd,
  kBatchEnd,
  kResultWords
};

double seconds(std::int64_t nanoseconds) { return 1e-9 * static_cast<double>(nanoseconds); }

}  // namespace

QueuedSteps::QueuedSteps(LanguageModel& model, AdamW& optimizer, const TrainConfig& config,
                         bool graphs, std::unique_ptr<ops::DeviceQueue> queue)
    : model_(model),
      optimizer_(optimizer),
      config_(config),
      graphs_(graphs),
      queue_(std::move(queue)),
      buckets_(make_buckets(config.batch_size, model.config().max_seq_length)),
      shapes_(buckets_.size()) {
  for (const Bucket& bucket : buckets_) {
    most_words_ = std::max(most_words_, layout_of(bucket).words());
  }
  const at::TensorOptions on_device(queue_->device());
  loss_ = at::zeros({}, on_device.dtype(at::kFloat));
  left_out_ = at::zeros({}, on_device.dtype(at::kFloat));
  learning_rate_ = at::zeros({}, on_device.dtype(at::kFloat));
  results_ = at::zeros({kResultWords}, on_device.dtype(at::kLong));
  for (Slot& slot : slots_) {
    slot.results = queue_->host_words(kResultWords);
    slot.done = queue_->make_mark();
  }
}

// Captured work goes before the queue that may still run it.
QueuedSteps::~QueuedSteps() {
  for (Slot& slot : slots_) {
    if (!slot.is_pending) continue;
    try {
      slot.done->wait();
    } catch (const std::exception&) {
      // The error that ends the run has been reported; this one is its echo.
    }
  }
}

std::optional<StepReport> QueuedSteps::start(const StepPlan& plan,
                                             const std::vector<data::Batch>& batches) {
  Slot& slot = slots_[steps_ % 2];
  HGNN_MOE_ASSERT(!slot.is_pending, "step {} overtakes one that is not reported", plan.step);
  slot.plan = plan;
  results_.zero_();
  loss_.zero_();
  queue_->stamp(results_[kBegin]);
  StepValues values = values_of(plan);
  slot.inputs.resize(std::max(slot.inputs.size(), batches.size()));
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (batches[i].real_targets > 0) queue_batch(batches[i], values, slot.inputs[i]);
    values.first_index += batches[i].size;
  }
  if (accumulates()) run(captured_update_, [this] { update(); });
  queue_->stamp(results_[kEnd]);
  slot.results.copy_(results_, /*non_blocking=*/true);
  slot.done->record();
  slot.is_pending = true;
  ++steps_;
  Slot& before = slots_[steps_ % 2];
  return before.is_pending ? report(before) : std::nullopt;
}

std::optional<StepReport> QueuedSteps::finish() {
  Slot& last = slots_[(steps_ + 1) % 2];
  return last.is_pending ? report(last) : std::nullopt;
}

StepValues QueuedSteps::values_of(const StepPlan& plan) const {
  const ModelConfig& model = model_.config();
  StepValues values;
  if (config_.dropout_rate > 0.0) {
    values.keys = StepKeys::make(static_cast<std::uint64_t>(config_.seed), plan.step,
                                 model.num_layers, model.num_experts);
  }
  values.loss_scale = 1.0 / static_cast<double>(plan.targets);
  values.learning_rate = plan.learning_rate;
  return values;
}

StepLayout QueuedSteps::layout_of(const Bucket& bucket) const {
  const ModelConfig& model = model_.config();
  return {bucket, model.max_seq_length, config_.dropout_rate > 0.0 ? model.num_layers : 0,
          model.num_experts};
}

QueuedSteps::Shape& QueuedSteps::shape_of(const data::Batch& batch) {
  const std::size_t index = bucket_of(buckets_, batch.real_tokens);
  if (shapes_[index] == nullptr) {
    const StepLayout layout = layout_of(buckets_[index]);
    const at::Tensor words =
        at::zeros({layout.words()}, at::TensorOptions(queue_->device()).dtype(at::kLong));
    shapes_[index] = std::make_unique<Shape>(Shape{layout, words, layout.view(words), nullptr});
  }
  return *shapes_[index];
}

// `host` was last read by the step before the last, which is reported and so done.
void QueuedSteps::queue_batch(const data::Batch& batch, const StepValues& values,
                              at::Tensor& host) {
  Shape& shape = shape_of(batch);
  {
    RECORD_USER_SCOPE(profile_scope::kData);
    if (!host.defined()) host = queue_->host_words(most_words_);
    shape.layout.write(batch, values, host.mutable_data_ptr<std::int64_t>());
    shape.words.copy_(host.narrow(0, 0, shape.layout.words()), /*non_blocking=*/true);
  }
  run(shape.work, [this, &shape] {
    add_gradients(shape.tensors);
    if (!accumulates()) update();
  });
}

void QueuedSteps::run(std::unique_ptr<ops::CapturedWork>& captured,
                      const std::function<void()>& work) {
  if (captured == nullptr) {
    if (!graphs_ || steps_ < kWarmUpSteps) return work();
    // What is made of parameters and kept is made again inside of the work: it may be replayed
    // after any other.
    optimizer_.count_replayed_step();
    captured = queue_->capture(work);
    ++captured_;
  }
  captured->replay();
  optimizer_.count_replayed_step();
}

// Those of the micro-batch's share of the mean loss over all real targets of the step.
void QueuedSteps::add_gradients(const StepTensors& tensors) {
  ForwardContext context;
  context.training = true;
  context.dropout_rate = config_.dropout_rate;
  queue_->stamp(results_[kBatchBegin]);
  const at::Tensor share = padded_loss(model_, tensors, context);
  loss_.add_(share.detach());
  queue_->stamp(results_[kBatchForwardEnd]);
  share.backward();
  queue_->stamp(results_[kBatchEnd]);
  results_[kForward].add_(results_[kBatchForwardEnd]).sub_(results_[kBatchBegin]);
  results_[kBackward].add_(results_[kBatchEnd]).sub_(results_[kBatchForwardEnd]);
  learning_rate_.copy_(tensors.learning_rate);
}

// Updates the parameters from the clipped gradients unless something is not finite, and drops
// those.
void QueuedSteps::update() {
  RECORD_USER_SCOPE(profile_scope::kOptimizer);
  const at::Tensor norm = gradient_norm(optimizer_.parameters());
  left_out_.masked_fill_((at::isfinite(loss_).logical_and(at::isfinite(norm))).logical_not(), 1.0);
  optimizer_.step(learning_rate_, left_out_, clip_scale(norm, config_.grad_clip));
  drop_gradients();
  const at::Tensor loss_and_norm = results_.narrow(0, kLossAndNorm, 1).view(at::kFloat);
  loss_and_norm[0].copy_(loss_);
  loss_and_norm[1].copy_(norm);
}

// Gradients that micro-batches add up in keep their memory, where captured work finds them.
void QueuedSteps::drop_gradients() {
  for (const NamedParameter& parameter : optimizer_.parameters()) {
    at::Tensor tensor = parameter.tensor;
    if (!accumulates()) {
      tensor.mutable_grad().reset();
    } else if (tensor.grad().defined()) {
      tensor.mutable_grad().zero_();
    }
  }
}

std::optional<StepReport> QueuedSteps::report(Slot& slot) {
  slot.done->wait();
  slot.is_pending = false;
  const std::int64_t* words = slot.results.const_data_ptr<std::int64_t>();
  const auto* loss_and_norm = reinterpret_cast<const float*>(words + kLossAndNorm);
  StepReport report;
  report.plan = slot.plan;
  report.loss = loss_and_norm[0];
  report.grad_norm = loss_and_norm[1];
  report.busy_seconds = seconds(words[kEnd] - words[kBegin]);
  report.forward_seconds = seconds(words[kForward]);
  report.backward_seconds = seconds(words[kBackward]);
  // The update follows the last micro-batch.
  report.optimizer_seconds = seconds(words[kEnd] - words[kBatchEnd]);
  check_finite(report.plan, report.loss, report.grad_norm);
  return report;
}

}  // namespace hgnn_moe
