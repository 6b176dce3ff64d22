// What a step reads beside parameters, in one piece of memory: one copy brings it to the device,
// and a captured step finds the next one's at the same addresses.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/data/batch.h"
#include "hgnn_moe/model/forward_context.h"
#include "hgnn_moe/model/language_model.h"

namespace hgnn_moe {

// What changes from step to step beside the batch.
struct StepValues {
  std::int64_t first_index = 0;     // of the batch's first row in the global step
  std::vector<std::uint64_t> keys;  // StepKeys::make, or empty without dropout
  double loss_scale = 0.0;          // 1 / real targets of the step
  double learning_rate = 0.0;
};

// Of all inputs of one size.
struct StepShape {
  std::int64_t tokens = 0;      // N, with padding; at most B T
  std::int64_t samples = 0;     // B
  std::int64_t max_length = 0;  // T
};

// The inputs of one micro-batch, padded up to a shape. Padding tokens follow the real ones of their
// sample or make up a sample that the batch does not have: no real token attends to what follows
// it, so B samples are enough. Every row is a target, those without a real one with weight 0. So
// padding adds exactly nothing to the loss and to any gradient.
struct StepTensors {
  at::Tensor tokens_N;         // int64
  ops::PackedSamples samples;  // max_length is T, whatever the batch holds
  at::Tensor targets_N;        // int64
  at::Tensor weights_N;        // fp32: 1 where there is a target, else 0
  StepKeys keys;               // undefined without dropout
  at::Tensor loss_scale;       // fp32 scalars
  at::Tensor learning_rate;
};

// The micro-batch's share of the mean loss over the step's real targets, a scalar. `context` says
// whether there is dropout; its keys are those of the inputs.
at::Tensor padded_loss(const LanguageModel& model, const StepTensors& tensors,
                       ForwardContext context);

// Where all of that stands, in words of 8 bytes.
class StepLayout {
 public:
  // Of `layers` layers of `experts` experts with dropout; without it, of none.
  StepLayout(const StepShape& shape, std::int64_t layers, std::int64_t experts);

  std::int64_t words() const { return end_; }

  // Writes words() words. The batch fits into the shape; one without samples gives padding alone.
  void write(const data::Batch& batch, const StepValues& values, std::int64_t* words) const;

  // Views of words() int64 on any device.
  StepTensors view(const at::Tensor& words) const;

 private:
  StepShape shape_;
  std::int64_t layers_, experts_;
  // Offsets in words.
  std::int64_t tokens_, positions_, samples_, rows_, targets_, weights_, offsets_, indices_, keys_,
      scalars_, end_;
};

}  // namespace hgnn_moe
