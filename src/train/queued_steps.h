// Steps that are queued on a device while the host goes on: what a GPU does.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "hgnn_moe/ops/device_queue.h"
#include "hgnn_moe/train/step_inputs.h"
#include "hgnn_moe/train/step_runner.h"

namespace hgnn_moe {

// The host is one step ahead of the device. It lays a step's batches out in page-locked memory,
// padded up to a bucket, queues the copy and the work, and only then reads loss and norm of the
// step before. Nothing that a step computes depends on the host in between: rates, dropout keys and
// counts are inputs like the tokens, and a loss or norm that is not finite makes the optimizer
// leave out this update and all later ones until the host has seen it.
//
// After some steps the work of each bucket is captured once and replayed from then on. With a
// single micro-batch a step that is all of the step; with several it is one micro-batch, whose
// gradients are added to those of the others, and the update is captured by itself.
class QueuedSteps : public StepRunner {
 public:
  // References outlive it.
  QueuedSteps(LanguageModel& model, AdamW& optimizer, const TrainConfig& config, bool graphs,
              std::unique_ptr<ops::DeviceQueue> queue);
  ~QueuedSteps() override;

  std::optional<StepReport> start(const StepPlan& plan,
                                  const std::vector<data::Batch>& batches) override;
  std::optional<StepReport> finish() override;

  // Pieces of work captured so far.
  std::int64_t captured() const { return captured_; }

 private:
  // The inputs of one shape on the device, and the work on them once it is captured.
  struct Shape {
    StepLayout layout;
    at::Tensor words;
    StepTensors tensors;
    std::unique_ptr<ops::CapturedWork> work;
  };
  // What the host shares with the device about one step; two take turns.
  struct Slot {
    StepPlan plan;
    std::vector<at::Tensor> inputs;  // a micro-batch each
    at::Tensor results;
    std::unique_ptr<ops::QueueMark> done;
    bool is_pending = false;
  };

  StepValues values_of(const StepPlan& plan) const;
  StepLayout layout_of(const Bucket& bucket) const;
  Shape& shape_of(const data::Batch& batch);
  bool accumulates() const { return config_.gradient_accumulation_steps > 1; }
  void queue_batch(const data::Batch& batch, const StepValues& values, at::Tensor& host);
  void run(std::unique_ptr<ops::CapturedWork>& captured, const std::function<void()>& work);
  void add_gradients(const StepTensors& tensors);
  void update();
  void drop_gradients();
  std::optional<StepReport> report(Slot& slot);

  LanguageModel& model_;
  AdamW& optimizer_;
  const TrainConfig& config_;
  bool graphs_;
  std::unique_ptr<ops::DeviceQueue> queue_;
  std::vector<Bucket> buckets_;
  std::vector<std::unique_ptr<Shape>> shapes_;  // by bucket, made when first needed
  std::int64_t most_words_ = 0;                 // of any bucket's inputs
  std::unique_ptr<ops::CapturedWork> captured_update_;
  std::array<Slot, 2> slots_;
  std::int64_t steps_ = 0, captured_ = 0;
  // On the device.
  at::Tensor loss_;           // fp32: the sum over the step's micro-batches so far
  at::Tensor left_out_;       // fp32: 1 from the first loss or norm on that is not finite, else 0
  at::Tensor learning_rate_;  // fp32: of the step
  at::Tensor results_;        // int64: what the host reads, see ResultWord
};

}  // namespace hgnn_moe
