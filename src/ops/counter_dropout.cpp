#include "hgnn_moe/ops/counter_dropout.h"

#include <vector>

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "counter_dropout_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

at::Tensor apply_mask(const at::Tensor& x, const DropoutStream& stream,
                      const at::Tensor& sample_indices_B) {
  // For profiles: PyTorch's dispatcher, which records operators, does not know this one.
  RECORD_FUNCTION("hgnn_moe::counter_dropout", std::vector<c10::IValue>({x}));
  const bool attention = x.dim() == 4;
  const DropoutShape shape{x.size(0), attention ? x.size(1) : 1, x.size(-2), x.size(-1)};
  const at::Tensor input = x.contiguous();
  at::Tensor out = at::empty_like(input);
  if (x.is_cuda()) {
#ifdef HGNN_MOE_CUDA
    counter_dropout_cuda(input, stream, sample_indices_B, shape, out);
#else
    HGNN_MOE_ASSERT(false, "a CUDA tensor in a build without CUDA");
#endif
  } else {
    counter_dropout_cpu(input, stream, sample_indices_B, shape, out);
  }
  return out;
}

// The derivative is the mask itself, recomputed from the counters.
class CounterDropout : public torch::autograd::Function<CounterDropout> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            double rate, std::int64_t key, const at::Tensor& sample_indices_B) {
    context->saved_data["rate"] = rate;
    context->saved_data["key"] = key;
    context->save_for_backward({sample_indices_B});
    return apply_mask(x, {rate, static_cast<std::uint64_t>(key)}, sample_indices_B);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const DropoutStream stream{context->saved_data["rate"].toDouble(),
                               static_cast<std::uint64_t>(context->saved_data["key"].toInt())};
    return {apply_mask(gradients[0], stream, context->get_saved_variables()[0]), {}, {}, {}};
  }
};

}  // namespace

at::Tensor counter_dropout(const at::Tensor& x, const DropoutStream& stream,
                           const at::Tensor& sample_indices_B) {
  if (stream.rate == 0.0) return x;
  HGNN_MOE_ASSERT(stream.rate > 0.0 && stream.rate < 1.0, "rate {}", stream.rate);
  HGNN_MOE_ASSERT(x.dim() == 3 || x.dim() == 4, "{} dimensions", x.dim());
  HGNN_MOE_ASSERT(sample_indices_B.numel() == x.size(0) &&
                      sample_indices_B.scalar_type() == at::kLong &&
                      sample_indices_B.device() == x.device(),
                  "{} sample indices for a batch of {}", sample_indices_B.numel(), x.size(0));
  return CounterDropout::apply(x, stream.rate, static_cast<std::int64_t>(stream.key),
                               sample_indices_B.contiguous());
}

}  // namespace hgnn_moe::ops
