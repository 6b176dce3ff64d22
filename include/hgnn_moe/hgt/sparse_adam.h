// Adam for embeddings of nodes: a step costs what the rows cost that it touches.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/train/optimizer.h"

namespace hgnn_moe::hgt {

struct SparseAdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

// "Lazy" Adam as torch.optim.SparseAdam: moments of rows without a gradient stay as they are. In
// update number t (from 1, the same for all rows), with learning rate r, for every row x of the
// gradient g:
//
//   m <- m + (1 - beta1) (g - m)
//   v <- v + (1 - beta2) (g^2 - v)
//   x <- x - r sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)
//
// There is no weight decay: it would touch every row.
//
// Beside the table and its moments it holds one more table, in which gradients are added up: many
// micro-batches take no more memory than one. Rows are updated some thousand at a time.
class SparseAdam {
 public:
  // table: float32 or float64 [rows, F], which update writes into. Its moments begin at 0.
  SparseAdam(const NamedParameter& table, SparseAdamOptions options);

  // Adds a gradient to those of this step: of rows `nodes`, which ascend, as the backward pass of a
  // micro-batch left it. Rows may occur in several; their sum is taken in the order of the calls.
  void add(const std::vector<std::int32_t>& nodes, const at::Tensor& gradient);
  // The L2 norm of the sum of what was added since the last step; the same for any number of
  // threads.
  double gradient_norm() const;
  // One update from that sum times `gradient_scale`, a scalar tensor as clip_scale gives it;
  // undefined for 1. A step without a gradient counts and changes nothing.
  void step(double learning_rate, const at::Tensor& gradient_scale = {});

  // exp_avg.NAME, exp_avg_sq.NAME and step.NAME (a float32 scalar) of the table: the optimizer's
  // own tensors, as AdamW::state() gives them. Writing into them restores a state.
  ParameterList state() const;

 private:
  std::vector<at::Tensor> touched_rows() const;  // int64, in pieces
  NamedParameter table_;
  SparseAdamOptions options_;
  at::Tensor exp_avg_, exp_avg_sq_, step_;
  at::Tensor sum_;      // [rows, F], 0 in rows without a gradient; undefined before the first one
  at::Tensor touched_;  // bool [rows]: those with a gradient
};

}  // namespace hgnn_moe::hgt
