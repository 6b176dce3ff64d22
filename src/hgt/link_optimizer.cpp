#include "hgnn_moe/hgt/link_optimizer.h"

#include <cmath>

#include <ATen/ATen.h>

namespace hgnn_moe::hgt {

LinkOptimizer::LinkOptimizer(const LinkModel& model, double weight_decay)
    : all_parameters_(model.all_parameters()),
      dense_(model.dense_parameters(), {0.9, 0.999, 1e-8, weight_decay}) {
  for (const NamedParameter& table : model.learned_table()) {
    table_.emplace(table, SparseAdamOptions{});
  }
}

void LinkOptimizer::collect(const LinkForward& forward) {
  if (!table_.has_value()) return;
  const at::Tensor& gradient = forward.learned_rows.grad();
  if (gradient.defined()) table_->add(forward.input_nodes, gradient);
}

double LinkOptimizer::gradient_norm() const {
  const auto dense = hgnn_moe::gradient_norm(dense_.parameters()).item<double>();
  if (!table_.has_value()) return dense;
  return std::hypot(dense, table_->gradient_norm());
}

void LinkOptimizer::step(double learning_rate, double norm, double max_norm) {
  const at::Tensor scale = clip_scale(
      at::full({}, norm, dense_.parameters().front().tensor.options().requires_grad(false)),
      max_norm);
  dense_.step(learning_rate, scale);
  if (table_.has_value()) table_->step(learning_rate, scale);
  for (const NamedParameter& parameter : dense_.parameters()) {
    at::Tensor(parameter.tensor).mutable_grad().reset();
  }
}

CheckpointTensors LinkOptimizer::tensors() const {
  CheckpointTensors tensors{all_parameters_, dense_.state()};
  if (table_.has_value()) {
    for (const NamedParameter& state : table_->state()) tensors.optimizer_state.push_back(state);
  }
  return tensors;
}

}  // namespace hgnn_moe::hgt
