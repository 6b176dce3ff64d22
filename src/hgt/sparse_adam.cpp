#include "hgnn_moe/hgt/sparse_adam.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "index_tensor.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {

namespace {

// An update's temporaries are of so many rows.
constexpr std::int64_t kRowsAtOnce = 8192;

}  // namespace

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
  const c10::NoGradGuard no_grad;
  if (!sum_.defined()) {
    sum_ = at::zeros_like(exp_avg_);
    touched_ = at::zeros({sum_.size(0)}, sum_.options().dtype(at::kBool));
  }
  const at::Tensor rows = index_tensor(nodes, sum_.device());
  // Rows of one gradient are distinct: nothing here depends on the order of additions.
  sum_.index_add_(0, rows, gradient.detach());
  touched_.index_fill_(0, rows, true);
}

std::vector<at::Tensor> SparseAdam::touched_rows() const {
  if (!touched_.defined()) return {};
  const at::Tensor rows = touched_.nonzero().squeeze(1);
  if (rows.size(0) == 0) return {};
  return rows.split(kRowsAtOnce);
}

double SparseAdam::gradient_norm() const {
  const c10::NoGradGuard no_grad;
  double squares = 0.0;
  for (const at::Tensor& rows : touched_rows()) {
    const at::Tensor norms =
        sum_.index_select(0, rows).norm(2, at::IntArrayRef{1}).to(at::kCPU, at::kDouble);
    const double* const norm = norms.const_data_ptr<double>();
    for (std::int64_t i = 0; i < norms.size(0); ++i) squares += norm[i] * norm[i];
  }
  return std::sqrt(squares);
}

void SparseAdam::step(double learning_rate, const at::Tensor& gradient_scale) {
  const c10::NoGradGuard no_grad;
  step_.add_(1.0);
  const double t = step_.item<double>();
  const double rate = learning_rate * std::sqrt(1 - std::pow(options_.beta2, t)) /
                      (1 - std::pow(options_.beta1, t));
  for (const at::Tensor& rows : touched_rows()) {
    at::Tensor g = sum_.index_select(0, rows);
    if (gradient_scale.defined()) g = g * gradient_scale;
    const at::Tensor m = exp_avg_.index_select(0, rows).lerp_(g, 1 - options_.beta1);
    const at::Tensor v = exp_avg_sq_.index_select(0, rows).lerp_(g * g, 1 - options_.beta2);
    const at::Tensor x = table_.tensor.detach().index_select(0, rows);
    x.addcdiv_(m, v.sqrt().add_(options_.epsilon), -rate);
    exp_avg_.index_copy_(0, rows, m);
    exp_avg_sq_.index_copy_(0, rows, v);
    table_.tensor.index_copy_(0, rows, x);
    sum_.index_fill_(0, rows, 0.0);
  }
  if (touched_.defined()) touched_.zero_();
}

ParameterList SparseAdam::state() const {
  return {{"exp_avg." + table_.name, exp_avg_},
          {"exp_avg_sq." + table_.name, exp_avg_sq_},
          {"step." + table_.name, step_}};
}

}  // namespace hgnn_moe::hgt
