// The optimizers of a model with a table of node embeddings, as one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hgnn_moe/hgt/link_model.h"
#include "hgnn_moe/hgt/sparse_adam.h"
#include "hgnn_moe/train/checkpoint.h"
#include "hgnn_moe/train/optimizer.h"

namespace hgnn_moe::hgt {

// AdamW for the dense parameters and SparseAdam for the learned table, with one norm of all
// gradients. Holds the model's tensors, which it writes into.
class LinkOptimizer {
 public:
  LinkOptimizer(const LinkModel& model, double weight_decay);

  // Takes what the backward pass of a micro-batch left in the table's rows; gradients of dense
  // parameters add up by themselves.
  void collect(const LinkForward& forward);
  // The 2-norm of all gradients of the step.
  double gradient_norm() const;
  // One update, with gradients scaled down to max_norm where `norm` is above it (0: never); clears
  // them.
  void step(double learning_rate, double norm, double max_norm);

  // What a checkpoint holds.
  CheckpointTensors tensors() const;

 private:
  ParameterList all_parameters_;
  AdamW dense_;
  std::optional<SparseAdam> table_;
};

}  // namespace hgnn_moe::hgt
