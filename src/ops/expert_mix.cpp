#include "hgnn_moe/ops/expert_mix.h"

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "coupling_device.h"
#include "expert_mix_kernels.h"
#include "operator_registry.h"

namespace hgnn_moe::ops {

namespace {

void check(const at::Tensor& mixing, const at::Tensor& x_NED) {
  TORCH_CHECK_VALUE(x_NED.dim() == 3, "expert_mix: x has ", x_NED.dim(),
                    " dimensions, it needs [N, E, D]");
  TORCH_CHECK_VALUE(mixing.dim() == 2 || mixing.dim() == 3, "expert_mix: the mixing has ",
                    mixing.dim(), " dimensions, it needs [R, E] or [N, R, E]");
  TORCH_CHECK_VALUE(mixing.sym_size(-1) == x_NED.sym_size(1), "expert_mix: a mixing of ",
                    mixing.sym_size(-1), " experts for x of ", x_NED.sym_size(1));
  TORCH_CHECK_VALUE(mixing.dim() == 2 || mixing.sym_size(0) == x_NED.sym_size(0),
                    "expert_mix: a mixing of ", mixing.sym_size(0), " tokens for x of ",
                    x_NED.sym_size(0));
  check_beside(mixing, "the mixing", x_NED, "expert_mix");
}

ExpertMixShape shape_of(const at::Tensor& mixing, const at::Tensor& x_NED) {
  return {x_NED.size(0), mixing.size(-2), x_NED.size(1), x_NED.size(2), mixing.dim() == 3};
}

at::Tensor mix(const at::Tensor& mixing, const at::Tensor& x_NED) {
  check(mixing, x_NED);
  const ExpertMixShape shape = shape_of(mixing, x_NED);
  if (!has_coupling_kernel(x_NED, std::max(shape.rows, shape.experts))) {
    const at::Tensor k = mixing.to(x_NED.scalar_type());
    return at::bmm(k.dim() == 2 ? k.expand({shape.tokens, k.size(0), k.size(1)}) : k, x_NED);
  }
  const at::Tensor k = mixing.to(weight_type(x_NED)).contiguous();
  at::Tensor out = at::empty({shape.tokens, shape.rows, shape.dim}, x_NED.options());
  on_device(
      x_NED, [&] { expert_mix_cpu(cpu_isa(), k, x_NED.contiguous(), shape, out); },
      [&] { expert_mix_cuda(k, x_NED.contiguous(), shape, out); });
  return out;
}

at::Tensor mixing_gradient(const at::Tensor& d_out, const at::Tensor& mixing,
                           const at::Tensor& x_NED) {
  check(mixing, x_NED);
  const ExpertMixShape shape = shape_of(mixing, x_NED);
  if (!has_coupling_kernel(x_NED, std::max(shape.rows, shape.experts))) {
    const at::Tensor d_mixing = at::bmm(d_out, x_NED.transpose(1, 2));
    return (shape.per_token ? d_mixing : d_mixing.sum(0)).to(mixing.scalar_type());
  }
  at::Tensor d_mixing = at::empty(mixing.sizes(), x_NED.options().dtype(weight_type(x_NED)));
  const at::Tensor dy = d_out.contiguous(), x = x_NED.contiguous();
  on_device(
      x_NED, [&] { expert_mix_gradient_cpu(cpu_isa(), dy, x, shape, d_mixing); },
      [&] { expert_mix_gradient_cuda(dy, x, shape, d_mixing); });
  return d_mixing.to(mixing.scalar_type());
}

at::Tensor mix_meta(const at::Tensor& mixing, const at::Tensor& x_NED) {
  check(mixing, x_NED);
  return x_NED.new_empty_symint({x_NED.sym_size(0), mixing.sym_size(-2), x_NED.sym_size(2)});
}

at::Tensor mixing_gradient_meta(const at::Tensor&, const at::Tensor& mixing, const at::Tensor&) {
  return mixing.new_empty_symint(mixing.sym_sizes());
}

at::Tensor call_mixing_gradient(const at::Tensor& d_out, const at::Tensor& mixing,
                                const at::Tensor& x_NED) {
  static const auto op =
      find_operator<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&)>(
          "hgnn_moe::expert_mix_mixing_gradient");
  return op.call(d_out, mixing, x_NED);
}

class ExpertMix : public torch::autograd::Function<ExpertMix> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& mixing,
                            const at::Tensor& x_NED) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({mixing, x_NED});
    return expert_mix(mixing, x_NED);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    refuse_second_derivative("expert_mix");
    const auto saved = context->get_saved_variables();
    const at::Tensor &mixing = saved[0], &x_NED = saved[1], &d_out = gradients[0];
    at::Tensor d_mixing, d_x;
    if (context->needs_input_grad(0)) d_mixing = call_mixing_gradient(d_out, mixing, x_NED);
    if (context->needs_input_grad(1)) d_x = expert_mix(mixing.transpose(-2, -1), d_out);
    return {d_mixing, d_x};
  }
};

at::Tensor mix_autograd(const at::Tensor& mixing, const at::Tensor& x_NED) {
  return ExpertMix::apply(mixing, x_NED);
}

}  // namespace

TORCH_LIBRARY_IMPL(hgnn_moe, CPU, m) {
  m.impl("expert_mix", mix);
  m.impl("expert_mix_mixing_gradient", mixing_gradient);
}
TORCH_LIBRARY_IMPL(hgnn_moe, CUDA, m) {
  m.impl("expert_mix", mix);
  m.impl("expert_mix_mixing_gradient", mixing_gradient);
}
TORCH_LIBRARY_IMPL(hgnn_moe, Meta, m) {
  m.impl("expert_mix", mix_meta);
  m.impl("expert_mix_mixing_gradient", mixing_gradient_meta);
}
TORCH_LIBRARY_IMPL(hgnn_moe, Autograd, m) { m.impl("expert_mix", mix_autograd); }

at::Tensor expert_mix(const at::Tensor& mixing, const at::Tensor& x_NED) {
  static const auto op =
      find_operator<at::Tensor(const at::Tensor&, const at::Tensor&)>("hgnn_moe::expert_mix");
  return op.call(mixing, x_NED);
}

at::Tensor expert_readout(const at::Tensor& weights, const at::Tensor& x_NED) {
  return expert_mix(weights.unsqueeze(-2), x_NED).squeeze(1);
}

}  // namespace hgnn_moe::ops
