// Steps that are queued on a device while the host goes on: what a GPU does.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "weight_gradients.h"

#include "hgnn_moe/ops/device_queue.h"
#include "hgnn_moe/train/buckets.h"
#include "hgnn_moe/train/step_inputs.h"
#include "hgnn_moe/train/step_runner.h"

namespace hgnn_moe {

// The host is one step ahead of the device. It lays a step's batches out in page-locked memory,
// padded up to a bucket, queues the copy and the work, and only then reads loss and norm of the
// step before. Nothing that a step computes depends on the host in between: rates, dropout keys and
// counts are inputs like the tokens, and a loss or norm that is not finite makes the optimizer
// leave out this update and all later ones until the host has seen it.
//
// After kWarmUpSteps steps the work of every bucket is captured and replayed from then on. With a
// single micro-batch a step that is all of the step; with several it is one micro-batch, whose
// gradients are added to those of the others, and the update is captured by itself. Where capturing
// fails, steps go on uncaptured.
class QueuedSteps : public StepRunner {
 public:
  // Before anything is captured: libraries make their handles and workspaces in the first steps.
  static constexpr std::int64_t kWarmUpSteps = 3;

  // References outlive it; batches keep to `limits`.
  QueuedSteps(LanguageModel& model, AdamW& optimizer, const TrainConfig& config,
              const BatchLimits& limits, bool graphs, std::unique_ptr<ops::DeviceQueue> queue);
  ~QueuedSteps() override;

  std::optional<StepReport> start(const StepPlan& plan,
                                  const std::vector<data::Batch>& batches) override;
  std::optional<StepReport> finish() override;

 private:
  // The inputs of one bucket on the device, and the work on them once it is captured.
  struct Size {
    StepLayout layout;
    at::Tensor words;
    StepTensors tensors;
    std::unique_ptr<ops::CapturedWork> work;
  };
  // What the host shares with the device about one step; two take turns.
  struct Slot {
    StepReport report;               // filled in when the step is done
    std::vector<at::Tensor> inputs;  // a micro-batch each
    at::Tensor results;
    std::unique_ptr<ops::QueueMark> done;
    bool is_pending = false;
  };

  StepValues values_of(const StepPlan& plan) const;
  Size make_size(std::int64_t tokens) const;
  bool accumulates() const { return config_.gradient_accumulation_steps > 1; }
  StepGraphs capture_all(const StepValues& values);
  void rehearse(const StepValues& values);
  std::unique_ptr<ops::CapturedWork> capture(const std::function<void()>& work);
  void drop_captured();
  void queue_batch(const data::Batch& batch, const StepValues& values, at::Tensor& host);
  void run(ops::CapturedWork* captured, const std::function<void()>& work);
  void compute(const StepTensors& tensors);
  void add_gradients(const StepTensors& tensors);
  void update();
  std::int64_t result_words() const;
  void drop_gradients();
  std::optional<StepReport> finish_slot(Slot& slot);

  LanguageModel& model_;
  AdamW& optimizer_;
  const TrainConfig& config_;
  BatchLimits limits_;
  bool graphs_;
  std::unique_ptr<ops::DeviceQueue> queue_;
  HyperedgeWeightGradients weight_gradients_;
  std::vector<std::int64_t> buckets_;
  std::vector<Size> sizes_;  // a bucket each
  std::unique_ptr<ops::CapturedWork> captured_update_;
  std::array<Slot, 2> slots_;
  std::int64_t steps_ = 0;
  // On the device.
  at::Tensor loss_;            // fp32: the sum over the step's micro-batches so far
  at::Tensor left_out_;        // fp32: 1 from the first loss or norm on that is not finite, else 0
  at::Tensor learning_rate_;   // fp32: of the step
  at::Tensor results_;         // int64: what the host reads, see ResultWord
  at::Tensor weight_norms_L_;  // fp32: a view of them
};

}  // namespace hgnn_moe
