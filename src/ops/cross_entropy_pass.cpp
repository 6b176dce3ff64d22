#include "cross_entropy_pass.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "cross_entropy_rows.h"
#include "wide_product.h"

namespace hgnn_moe::ops {

namespace {

// Some rows of the inputs.
struct Chunk {
  at::Tensor x_kD;  // of the products' type
  at::Tensor targets_k, weights_k;
};

// The derivative of a chunk's losses by its logits.
struct LogitGradient {
  at::Tensor logits_kV;  // of the products' type
  at::Tensor bias_V;     // its sum over rows
  at::Tensor weights_k;  // what the rows of logits_kV lack; undefined: nothing
};

class SoftmaxLogits {
 public:
  static std::int64_t row_bytes(const LinearCrossEntropyInputs& in) {
    return in.weight_VD.size(0) * in.hidden_KD.element_size();
  }

  SoftmaxLogits(const LinearCrossEntropyInputs& in, const at::Tensor& weight_VD, std::int64_t rows)
      : bias_V_(in.bias_V),
        weight_VD_(weight_VD),
        log_probabilities_kV_(at::empty({rows, weight_VD.size(0)}, in.hidden_KD.options())),
        logits_kV_(in.products == in.hidden_KD.scalar_type()
                       ? log_probabilities_kV_
                       : at::empty({rows, weight_VD.size(0)}, weight_VD.options())) {}

  // Without `gradient` the result is empty. The buffers are those of the next call.
  LogitGradient compute(const Chunk& chunk, bool gradient, at::Tensor& losses_k) {
    at::Tensor p_kV = log_probabilities(chunk.x_kD);
    const at::Tensor targets_k1 = chunk.targets_k.unsqueeze(1);
    at::neg_out(losses_k, p_kV.gather(1, targets_k1).squeeze(1));
    const at::Tensor& weights_k = chunk.weights_k;
    if (weights_k.defined()) losses_k.mul_(weights_k);
    if (!gradient) return {};
    // softmax - one at the target. Weights act on what is small: one more pass over the logits
    // would cost as much as a softmax.
    p_kV.exp_().scatter_add_(1, targets_k1,
                             at::full({1, 1}, -1.0, p_kV.options()).expand_as(targets_k1));
    const at::Tensor d_bias_V = weights_k.defined() ? at::mv(p_kV.t(), weights_k) : p_kV.sum(0);
    if (logits_kV_.scalar_type() == p_kV.scalar_type()) return {p_kV, d_bias_V, weights_k};
    return {logits_kV_.narrow(0, 0, p_kV.size(0)).copy_(p_kV), d_bias_V, weights_k};
  }

 private:
  at::Tensor log_probabilities(const at::Tensor& x_kD) {
    at::Tensor logits_kV = logits_kV_.narrow(0, 0, x_kD.size(0));
    at::Tensor result_kV = log_probabilities_kV_.narrow(0, 0, x_kD.size(0));
    if (logits_kV.scalar_type() == result_kV.scalar_type()) {
      at::addmm_out(result_kV, bias_V_, x_kD, weight_VD_.t());
    } else {
      at::mm_out(logits_kV, x_kD, weight_VD_.t());
      at::add_out(result_kV, logits_kV, bias_V_);
    }
    return at::_log_softmax_out(result_kV, result_kV, 1, /*half_to_float=*/false);
  }

  at::Tensor bias_V_, weight_VD_;
  at::Tensor log_probabilities_kV_, logits_kV_;  // one where products have the type of sums
};

class LogitsInPlace {
 public:
  static std::int64_t row_bytes(const LinearCrossEntropyInputs& in) {
    return logit_stride(in.weight_VD.size(0)) *
           static_cast<std::int64_t>(c10::elementSize(in.products));
  }

  LogitsInPlace(const LinearCrossEntropyInputs& in, const at::Tensor& weight_VD, std::int64_t rows)
      : bias_V_(in.bias_V),
        weight_VD_(weight_VD),
        logits_kV_(at::empty({rows, logit_stride(weight_VD.size(0))}, weight_VD.options())
                       .narrow(1, 0, weight_VD.size(0))) {}

  // As that of SoftmaxLogits.
  LogitGradient compute(const Chunk& chunk, bool gradient, at::Tensor& losses_k) {
    at::Tensor logits_kV = logits_kV_.narrow(0, 0, chunk.x_kD.size(0));
    at::mm_out(logits_kV, chunk.x_kD, weight_VD_.t());
    cross_entropy_rows(logits_kV, bias_V_, chunk.targets_k, chunk.weights_k, gradient, losses_k);
    if (!gradient) return {};
    return {logits_kV, logits_kV.sum(0, /*keepdim=*/false, bias_V_.scalar_type()), {}};
  }

 private:
  at::Tensor bias_V_, weight_VD_, logits_kV_;
};

CrossEntropyPass empty_pass(const LinearCrossEntropyInputs& in, bool gradients) {
  const at::Tensor losses_K = at::empty({in.hidden_KD.size(0)}, in.hidden_KD.options());
  if (!gradients) return {losses_K, {}, {}, {}};
  return {losses_K, at::empty_like(in.hidden_KD), at::zeros_like(in.weight_VD),
          at::zeros_like(in.bias_V)};
}

template <typename Logits>
CrossEntropyPass pass_over_chunks(const LinearCrossEntropyInputs& in, double scale,
                                  bool gradients) {
  const std::int64_t rows = in.hidden_KD.size(0);
  const std::int64_t size = logit_rows(rows, Logits::row_bytes(in), in.logit_bytes);
  const at::Tensor weight_VD = weight_of_products(in);
  // Before the buffers, which it outlives: the heap is left with one hole less.
  CrossEntropyPass pass = empty_pass(in, gradients);
  Logits logits(in, weight_VD, size);
  for (std::int64_t first = 0; first < rows; first += size) {
    const auto part = [&](const at::Tensor& x) {
      return x.defined() ? x.narrow(0, first, std::min(size, rows - first)) : x;
    };
    Chunk chunk{part(in.hidden_KD).to(in.products), part(in.targets_K), part(in.weights_K)};
    at::Tensor losses_k = part(pass.losses_K), d_hidden_kD = part(pass.d_hidden_KD);
    const LogitGradient d = logits.compute(chunk, gradients, losses_k);
    if (!gradients) continue;
    pass.d_bias_V.add_(d.bias_V, scale);
    d_hidden_kD.copy_(wide_mm(d.logits_kV, weight_VD, d_hidden_kD.scalar_type()));
    if (d.weights_k.defined()) {
      const at::Tensor weights_k1 = d.weights_k.unsqueeze(1);
      d_hidden_kD.mul_(weights_k1);
      chunk.x_kD = chunk.x_kD.mul(weights_k1.to(in.products));
    }
    add_wide_mm(pass.d_weight_VD, d.logits_kV.t(), chunk.x_kD, scale);
  }
  if (gradients && scale != 1.0) pass.d_hidden_KD.mul_(scale);
  return pass;
}

}  // namespace

at::Tensor weight_of_products(const LinearCrossEntropyInputs& in) {
  if (in.rounded_weight_VD.defined()) return in.rounded_weight_VD;
  return in.weight_VD.detach().to(in.products);
}

CrossEntropyPass cross_entropy_by_rows(const LinearCrossEntropyInputs& in, double scale,
                                       bool gradients) {
  return pass_over_chunks<LogitsInPlace>(in, scale, gradients);
}

CrossEntropyPass cross_entropy_pass(const LinearCrossEntropyInputs& in, double scale,
                                    bool gradients) {
  if (in.hidden_KD.is_cuda()) return cross_entropy_by_rows(in, scale, gradients);
  return pass_over_chunks<SoftmaxLogits>(in, scale, gradients);
}

}  // namespace hgnn_moe::ops
