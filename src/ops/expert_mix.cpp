#include "hgnn_moe/ops/expert_mix.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "cpu_launch.h"
#include "expert_mix_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

ExpertMixShape shape_of(const at::Tensor& mixing, const at::Tensor& x_NED) {
  return {x_NED.size(0), mixing.size(-2), x_NED.size(1), x_NED.size(2), mixing.dim() == 3};
}

at::Tensor launch(const at::Tensor& mixing, const at::Tensor& x_NED) {
  const ExpertMixShape shape = shape_of(mixing, x_NED);
  at::Tensor out = at::empty({shape.tokens, shape.rows, shape.dim}, x_NED.options());
  expert_mix_cpu(cpu_isa(), mixing, x_NED, shape, out);
  return out;
}

class ExpertMix : public torch::autograd::Function<ExpertMix> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& mixing,
                            const at::Tensor& x_NED) {
    context->save_for_backward({mixing, x_NED});
    return launch(mixing, x_NED);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& mixing = saved[0];
    const at::Tensor& x_NED = saved[1];
    const at::Tensor d_out = gradients[0].contiguous();
    at::Tensor d_mixing, d_x;
    if (context->needs_input_grad(0)) {
      d_mixing = at::empty_like(mixing);
      expert_mix_gradient_cpu(cpu_isa(), d_out, x_NED, shape_of(mixing, x_NED), d_mixing);
    }
    if (context->needs_input_grad(1)) {
      d_x = launch(mixing.transpose(-2, -1).contiguous(), d_out);
    }
    return {d_mixing, d_x};
  }
};

}  // namespace

at::Tensor expert_mix(const at::Tensor& mixing, const at::Tensor& x_NED) {
  const auto num_tokens = x_NED.size(0);
  HGNN_MOE_ASSERT(mixing.size(-1) == x_NED.size(1), "mixing of {} experts for {} experts",
                  mixing.size(-1), x_NED.size(1));
  HGNN_MOE_ASSERT(mixing.dim() == 2 || mixing.size(0) == num_tokens,
                  "mixing of {} tokens for {} tokens", mixing.size(0), num_tokens);
  if (has_cpu_kernel(x_NED)) {
    return ExpertMix::apply(mixing.to(weight_type(x_NED)).contiguous(), x_NED.contiguous());
  }
  const at::Tensor k = mixing.to(x_NED.scalar_type());
  // bmm reads an expanded matrix with stride 0; matmul(K, X) would copy X under autograd.
  return at::bmm(k.dim() == 2 ? k.expand({num_tokens, k.size(0), k.size(1)}) : k, x_NED);
}

at::Tensor expert_readout(const at::Tensor& weights, const at::Tensor& x_NED) {
  return expert_mix(weights.unsqueeze(-2), x_NED).squeeze(1);
}

}  // namespace hgnn_moe::ops
