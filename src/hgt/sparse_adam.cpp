#include "hgnn_moe/hgt/sparse_adam.h"

#include <cmath>
#include <tuple>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "index_tensor.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {

SparseAdam::SparseAdam(const NamedParameter& table, SparseAdamOptions options)
    : table_(table), options_(options) {
  HGNN_MOE_ASSERT(table.tensor.dim() == 2, "{} has {} dimensions", table.name, table.tensor.dim());
  exp_avg_ = at::zeros_like(table.tensor.detach());
  exp_avg_sq_ = at::zeros_like(exp_avg_);
  step_ = at::zeros({}, exp_avg_.options().dtype(at::kFloat));
}

void SparseAdam::add(const std::vector<std::int32_t>& nodes, const at::Tensor& gradient) {
  HGNN_MOE_ASSERT(gradient.dim() == 2 &&
                      gradient.size(0) == static_cast<std::int64_t>(nodes.size()) &&
                      gradient.size(1) == table_.tensor.size(1),
                  "a gradient of {} rows for {} nodes", gradient.size(0), nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    HGNN_MOE_ASSERT(nodes[i] < table_.tensor.size(0) && (i == 0 ? 0 : nodes[i - 1] + 1) <= nodes[i],
                    "node {} of {} behind node {}", nodes[i], table_.tensor.size(0),
                    i == 0 ? -1 : nodes[i - 1]);
  }
  added_.push_back({index_tensor(nodes, gradient.device()), gradient.detach().clone()});
}

SparseGradient SparseAdam::gradient() const {
  const c10::NoGradGuard no_grad;
  if (added_.size() == 1) return added_.front();
  std::vector<at::Tensor> all_rows{
      at::empty({0}, table_.tensor.options().dtype(at::kLong).requires_grad(false))};
  for (const SparseGradient& gradient : added_) all_rows.push_back(gradient.rows);
  const at::Tensor rows = std::get<0>(at::_unique(at::cat(all_rows), /*sorted=*/true));
  at::Tensor values = at::zeros({rows.size(0), table_.tensor.size(1)}, exp_avg_.options());
  for (const SparseGradient& gradient : added_) {
    // The rows of one gradient are distinct: nothing here depends on the order of additions.
    values.index_add_(0, at::searchsorted(rows, gradient.rows), gradient.values);
  }
  return {rows, values};
}

void SparseAdam::step(double learning_rate, const at::Tensor& gradient_scale) {
  const c10::NoGradGuard no_grad;
  step_.add_(1.0);
  const SparseGradient gradient = this->gradient();
  added_.clear();
  if (gradient.rows.size(0) == 0) return;
  const at::Tensor g =
      gradient_scale.defined() ? gradient.values * gradient_scale : gradient.values;
  const double t = step_.item<double>();
  const at::Tensor m = exp_avg_.index_select(0, gradient.rows).lerp_(g, 1 - options_.beta1);
  const at::Tensor v = exp_avg_sq_.index_select(0, gradient.rows).lerp_(g * g, 1 - options_.beta2);
  const double rate = learning_rate * std::sqrt(1 - std::pow(options_.beta2, t)) /
                      (1 - std::pow(options_.beta1, t));
  const at::Tensor rows = table_.tensor.detach().index_select(0, gradient.rows);
  rows.addcdiv_(m, v.sqrt().add_(options_.epsilon), -rate);
  exp_avg_.index_copy_(0, gradient.rows, m);
  exp_avg_sq_.index_copy_(0, gradient.rows, v);
  table_.tensor.index_copy_(0, gradient.rows, rows);
}

ParameterList SparseAdam::state() const {
  return {{"exp_avg." + table_.name, exp_avg_},
          {"exp_avg_sq." + table_.name, exp_avg_sq_},
          {"step." + table_.name, step_}};
}

}  // namespace hgnn_moe::hgt
