#include "hgnn_moe/ops/counter_dropout.h"

#include <optional>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "counter_dropout_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

at::Tensor apply_mask(const at::Tensor& x, const DropoutStream& stream, const DropoutRows& rows) {
  // For profiles: PyTorch's dispatcher, which records operators, does not know this one.
  RECORD_FUNCTION("hgnn_moe::counter_dropout", std::vector<c10::IValue>({x}));
  const bool attention = x.dim() == 4;
  const DropoutShape shape{x.size(0), attention ? x.size(1) : 1, x.size(-2), x.size(-1)};
  const at::Tensor input = x.contiguous();
  at::Tensor out = at::empty_like(input);
  if (x.is_cuda()) {
#ifdef HGNN_MOE_CUDA
    counter_dropout_cuda(input, stream, rows, shape, out);
#else
    HGNN_MOE_ASSERT(false, "a CUDA tensor in a build without CUDA");
#endif
  } else {
    counter_dropout_cpu(input, stream, rows, shape, out);
  }
  return out;
}

// The derivative is the mask itself, recomputed from the counters.
class CounterDropout : public torch::autograd::Function<CounterDropout> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            double rate, const at::Tensor& key, const at::Tensor& samples_B,
                            const std::optional<at::Tensor>& first_positions_B) {
    context->saved_data["rate"] = rate;
    const DropoutRows rows{samples_B, first_positions_B.value_or(at::Tensor())};
    context->save_for_backward({key, rows.samples_B, rows.first_positions_B});
    return apply_mask(x, {rate, key}, rows);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const DropoutStream stream{context->saved_data["rate"].toDouble(), saved[0]};
    return {apply_mask(gradients[0], stream, {saved[1], saved[2]}), {}, {}, {}, {}};
  }
};

void check_row_counters(const at::Tensor& x, const at::Tensor& counters_B, const char* name) {
  HGNN_MOE_ASSERT(counters_B.numel() == x.size(0) && counters_B.scalar_type() == at::kLong &&
                      counters_B.device() == x.device(),
                  "{} {} for a batch of {}", counters_B.numel(), name, x.size(0));
}

}  // namespace

at::Tensor dropout_keys(const std::vector<std::uint64_t>& keys) {
  const std::vector<std::int64_t> bits(keys.begin(), keys.end());
  return at::tensor(bits, at::kLong);
}

at::Tensor counter_dropout(const at::Tensor& x, const DropoutStream& stream,
                           const at::Tensor& sample_indices_B,
                           const at::Tensor& first_positions_B) {
  if (stream.rate == 0.0) return x;
  HGNN_MOE_ASSERT(stream.rate > 0.0 && stream.rate < 1.0, "rate {}", stream.rate);
  HGNN_MOE_ASSERT(x.dim() == 3 || x.dim() == 4, "{} dimensions", x.dim());
  check_row_counters(x, sample_indices_B, "sample indices");
  std::optional<at::Tensor> positions_B;
  if (first_positions_B.defined()) {
    check_row_counters(x, first_positions_B, "positions");
    positions_B = first_positions_B.contiguous();
  }
  HGNN_MOE_ASSERT(stream.key.numel() == 1 && stream.key.device() == x.device(),
                  "{} keys for a stream", stream.key.numel());
  return CounterDropout::apply(x, stream.rate, stream.key, sample_indices_B.contiguous(),
                               positions_B);
}

}  // namespace hgnn_moe::ops
