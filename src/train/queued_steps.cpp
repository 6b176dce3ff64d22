#include "queued_steps.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <c10/util/Exception.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/model/profile_scopes.h"

namespace hgnn_moe {

namespace {

// Words of the results: loss and norm share the first, the others are times in nanoseconds.
enum ResultWord : std::int64_t {
  kLossAndNorm,
  kForward,  // sums over the micro-batches
  kBackward,
  kBatchBegin,  // of the last micro-batch
  kBatchForwardEnd,
  kBatchEnd,
  kUpdateBegin,
  kUpdateEnd,
  kWeightNorms  // of the hyperedge weights' gradients, two a word, to the end
};

double seconds(std::int64_t nanoseconds) { return 1e-9 * static_cast<double>(nanoseconds); }

}  // namespace

QueuedSteps::QueuedSteps(LanguageModel& model, AdamW& optimizer, const TrainConfig& config,
                         const BatchLimits& limits, bool graphs,
                         std::unique_ptr<ops::DeviceQueue> queue)
    : model_(model),
      optimizer_(optimizer),
      config_(config),
      limits_(limits),
      graphs_(graphs),
      queue_(std::move(queue)),
      weight_gradients_(model),
      buckets_(make_buckets(limits)) {
  for (const std::int64_t tokens : buckets_) sizes_.push_back(make_size(tokens));
  const at::TensorOptions on_device(queue_->device());
  loss_ = at::zeros({}, on_device.dtype(at::kFloat));
  left_out_ = at::zeros({}, on_device.dtype(at::kFloat));
  learning_rate_ = at::zeros({}, on_device.dtype(at::kFloat));
  results_ = at::zeros({result_words()}, on_device.dtype(at::kLong));
  weight_norms_L_ = results_.narrow(0, kWeightNorms, result_words() - kWeightNorms)
                        .view(at::kFloat)
                        .narrow(0, 0, weight_gradients_.layers());
  for (Slot& slot : slots_) {
    slot.results = queue_->host_words(result_words());
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
  StepValues values = values_of(plan);
  slot.report = {};
  slot.report.plan = plan;
  slot.report.warms_up = steps_ <= kWarmUpSteps;
  if (graphs_ && steps_ == kWarmUpSteps) slot.report.graphs = capture_all(values);
  results_.zero_();
  loss_.zero_();
  slot.inputs.resize(std::max(slot.inputs.size(), batches.size()));
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (batches[i].real_targets > 0) queue_batch(batches[i], values, slot.inputs[i]);
    values.first_index += batches[i].size;
  }
  if (accumulates()) run(captured_update_.get(), [this] { update(); });
  slot.results.copy_(results_, /*non_blocking=*/true);
  slot.done->record();
  slot.is_pending = true;
  ++steps_;
  return finish_slot(slots_[steps_ % 2]);
}

std::optional<StepReport> QueuedSteps::finish() { return finish_slot(slots_[(steps_ + 1) % 2]); }

std::int64_t QueuedSteps::result_words() const {
  return kWeightNorms + (weight_gradients_.layers() + 1) / 2;
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

QueuedSteps::Size QueuedSteps::make_size(std::int64_t tokens) const {
  const ModelConfig& model = model_.config();
  const StepLayout layout({tokens, limits_.samples, limits_.length},
                          config_.dropout_rate > 0.0 ? model.num_layers : 0, model.num_experts);
  const at::Tensor words =
      at::zeros({layout.words()}, at::TensorOptions(queue_->device()).dtype(at::kLong));
  return {layout, words, layout.view(words), nullptr};
}

// All of the work, the largest size first: captured pieces share memory, and what a smaller one
// asks for fits into what a larger one has given back. Before anything of this step is queued.
StepGraphs QueuedSteps::capture_all(const StepValues& values) {
  StepGraphs graphs;
  const at::Tensor left_out = left_out_.clone();
  try {
    rehearse(values);
    for (auto size = sizes_.rbegin(); size != sizes_.rend(); ++size) {
      size->work = capture([this, size] { compute(size->tensors); });
      ++graphs.count;
    }
    if (accumulates()) {
      captured_update_ = capture([this] { update(); });
      ++graphs.count;
    }
    graphs.bytes = queue_->captured_bytes();
  } catch (const c10::Error& error) {
    drop_captured();
    graphs = {0, 0, error.what_without_backtrace()};
  }
  left_out_.copy_(left_out);
  // Capturing has computed nothing: what was kept of parameters meanwhile is not what it says.
  optimizer_.count_replayed_step();
  return graphs;
}

// Computes a batch of padding in each size, without an update. Kernels are loaded when they are
// first used, which must not happen in a capture, and which ones are used depends on the size.
void QueuedSteps::rehearse(const StepValues& values) {
  left_out_.fill_(1.0);
  for (auto size = sizes_.rbegin(); size != sizes_.rend(); ++size) {
    const at::Tensor host = at::empty({size->layout.words()}, at::kLong);
    size->layout.write(data::Batch{}, values, host.mutable_data_ptr<std::int64_t>());
    size->words.copy_(host);
    compute(size->tensors);
  }
  if (accumulates()) update();
}

// What is made of parameters and kept is made again inside of the work: it may be replayed after
// any other.
std::unique_ptr<ops::CapturedWork> QueuedSteps::capture(const std::function<void()>& work) {
  optimizer_.count_replayed_step();
  return queue_->capture(work);
}

void QueuedSteps::drop_captured() {
  for (Size& size : sizes_) size.work.reset();
  captured_update_.reset();
  drop_gradients();  // of what was captured last, and perhaps in its memory
}

// `host` was last read by the step before the last, which is reported and so done.
void QueuedSteps::queue_batch(const data::Batch& batch, const StepValues& values,
                              at::Tensor& host) {
  Size& size = sizes_[bucket_of(buckets_, batch.real_tokens)];
  {
    RECORD_USER_SCOPE(profile_scope::kData);
    if (!host.defined()) host = queue_->host_words(sizes_.back().layout.words());
    size.layout.write(batch, values, host.mutable_data_ptr<std::int64_t>());
    size.words.copy_(host.narrow(0, 0, size.layout.words()), /*non_blocking=*/true);
  }
  run(size.work.get(), [this, &size] { compute(size.tensors); });
}

void QueuedSteps::run(ops::CapturedWork* captured, const std::function<void()>& work) {
  if (captured == nullptr) return work();
  captured->replay();
  optimizer_.count_replayed_step();
}

// All that is captured of a micro-batch.
void QueuedSteps::compute(const StepTensors& tensors) {
  add_gradients(tensors);
  if (!accumulates()) update();
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
  queue_->stamp(results_[kUpdateBegin]);
  const at::Tensor norm = gradient_norm(optimizer_.parameters());
  left_out_.masked_fill_((at::isfinite(loss_).logical_and(at::isfinite(norm))).logical_not(), 1.0);
  if (weight_gradients_.layers() > 0) weight_norms_L_.copy_(weight_gradients_.norms());
  optimizer_.step(learning_rate_, left_out_, clip_scale(norm, config_.grad_clip));
  drop_gradients();
  const at::Tensor loss_and_norm = results_.narrow(0, kLossAndNorm, 1).view(at::kFloat);
  loss_and_norm[0].copy_(loss_);
  loss_and_norm[1].copy_(norm);
  queue_->stamp(results_[kUpdateEnd]);
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

std::optional<StepReport> QueuedSteps::finish_slot(Slot& slot) {
  if (!slot.is_pending) return std::nullopt;
  slot.done->wait();
  slot.is_pending = false;
  const std::int64_t* words = slot.results.const_data_ptr<std::int64_t>();
  const auto* loss_and_norm = reinterpret_cast<const float*>(words + kLossAndNorm);
  StepReport& report = slot.report;
  report.loss = loss_and_norm[0];
  report.grad_norm = loss_and_norm[1];
  const auto* weight_norms = reinterpret_cast<const float*>(words + kWeightNorms);
  report.hyperedge_weight_grad_norms.assign(weight_norms,
                                            weight_norms + weight_gradients_.layers());
  report.forward_seconds = seconds(words[kForward]);
  report.backward_seconds = seconds(words[kBackward]);
  report.optimizer_seconds = seconds(words[kUpdateEnd] - words[kUpdateBegin]);
  report.busy_seconds = report.forward_seconds + report.backward_seconds + report.optimizer_seconds;
  return report;
}

}  // namespace hgnn_moe
