#include "hgnn_moe/ops/hypergraph_mix.h"

#include <string_view>
#include <tuple>

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "coupling_device.h"
#include "hypergraph_mix_kernels.h"
#include "operator_registry.h"
#include "weighting_name.h"

#include "hgnn_moe/ops/expert_mix.h"

namespace hgnn_moe::ops {

namespace {

using Tensors3 = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

void check(const at::Tensor& x_NED, const IncidenceCsr& incidence, const at::Tensor& weights) {
  const char* name = "hypergraph_conv";
  TORCH_CHECK_VALUE(x_NED.dim() == 3, name, ": x has ", x_NED.dim(),
                    " dimensions, it needs [N, E, D]");
  TORCH_CHECK_VALUE(incidence.node_offsets.sym_size(0) == x_NED.sym_size(1) + 1, name,
                    ": an incidence of ", incidence.node_offsets.sym_size(0) - 1,
                    " experts for x of ", x_NED.sym_size(1));
  TORCH_CHECK_VALUE(weights.dim() == 1 || weights.dim() == 2, name, ": weights have ",
                    weights.dim(), " dimensions, they need [M] or [N, M]");
  TORCH_CHECK_VALUE(weights.sym_size(-1) == incidence.hyperedge_offsets.sym_size(0) - 1, name, ": ",
                    weights.sym_size(-1), " weights for ",
                    incidence.hyperedge_offsets.sym_size(0) - 1, " hyperedges");
  TORCH_CHECK_VALUE(weights.dim() == 1 || weights.sym_size(0) == x_NED.sym_size(0), name,
                    ": weights of ", weights.sym_size(0), " tokens for x of ", x_NED.sym_size(0));
  check_beside(weights, "the weights", x_NED, name);
  for (const at::Tensor& part : {incidence.node_offsets, incidence.node_hyperedges,
                                 incidence.hyperedge_offsets, incidence.hyperedge_nodes}) {
    TORCH_CHECK_VALUE(
        part.scalar_type() == at::kLong && part.device() == x_NED.device() && part.is_contiguous(),
        name, ": the incidence is ", part.scalar_type(), " on ", part.device(),
        ", it needs contiguous int64 on ", x_NED.device(), ", where x is");
  }
}

void check_bias(const at::Tensor& bias_D, const at::Tensor& x_NED) {
  TORCH_CHECK_VALUE(bias_D.dim() == 1 && bias_D.sym_size(0) == x_NED.sym_size(2),
                    "hypergraph_conv: a bias of shape ", bias_D.sym_sizes(),
                    " for D = ", x_NED.sym_size(2));
  check_beside(bias_D, "the bias", x_NED, "hypergraph_conv");
}

// As the kernels take them.
HypergraphMixInputs kernel_inputs(const at::Tensor& x_NED, const IncidenceCsr& incidence,
                                  const at::Tensor& weights, Weighting weighting,
                                  const at::Tensor& bias_D) {
  const at::ScalarType type = weight_type(x_NED);
  return {x_NED.contiguous(), incidence, weights.to(type).contiguous(), weighting,
          bias_D.defined() ? bias_D.to(type).contiguous() : at::Tensor()};
}

at::Tensor mix(const at::Tensor& x_NED, const at::Tensor& node_offsets,
               const at::Tensor& node_hyperedges, const at::Tensor& hyperedge_offsets,
               const at::Tensor& hyperedge_nodes, const at::Tensor& weights,
               std::string_view weighting, const std::optional<at::Tensor>& bias) {
  const IncidenceCsr incidence{node_offsets, node_hyperedges, hyperedge_offsets, hyperedge_nodes};
  const at::Tensor bias_D = bias.value_or(at::Tensor());
  check(x_NED, incidence, weights);
  if (bias_D.defined()) check_bias(bias_D, x_NED);
  const HypergraphMixInputs in =
      kernel_inputs(x_NED, incidence, weights, weighting_named(weighting), bias_D);
  if (!has_coupling_kernel(x_NED, x_NED.size(1))) {
    const at::Tensor h_EM = dense_incidence(incidence, in.weights.options());
    const at::Tensor mixed = expert_mix(mixing_matrix(h_EM, in.weights, in.weighting), x_NED);
    return bias_D.defined() ? mixed + bias_D.to(mixed.scalar_type()) : mixed;
  }
  at::Tensor out = at::empty_like(in.x_NED);
  on_device(
      x_NED, [&] { hypergraph_mix_cpu(cpu_isa(), in, out); },
      [&] { hypergraph_mix_cuda(in, out); });
  return out;
}

Tensors3 mix_gradient(const at::Tensor& d_out, const at::Tensor& x_NED,
                      const at::Tensor& node_offsets, const at::Tensor& node_hyperedges,
                      const at::Tensor& hyperedge_offsets, const at::Tensor& hyperedge_nodes,
                      const at::Tensor& weights, std::string_view weighting, bool with_bias) {
  const IncidenceCsr incidence{node_offsets, node_hyperedges, hyperedge_offsets, hyperedge_nodes};
  check(x_NED, incidence, weights);
  // The values of a bias do not enter the gradients; that there is one does.
  const at::Tensor bias_D = with_bias ? d_out.new_zeros({x_NED.size(2)}) : at::Tensor();
  const HypergraphMixInputs in =
      kernel_inputs(x_NED, incidence, weights, weighting_named(weighting), bias_D);
  HypergraphMixGradients d;
  if (!has_coupling_kernel(x_NED, x_NED.size(1))) {
    d = hypergraph_mix_gradient_aten(in, d_out);
  } else {
    const at::Tensor dy = d_out.contiguous();
    on_device(
        x_NED, [&] { d = hypergraph_mix_gradient_cpu(cpu_isa(), in, dy); },
        [&] { d = hypergraph_mix_gradient_cuda(in, dy); });
  }
  return {d.x_NED, d.weights.to(weights.scalar_type()),
          with_bias ? d.bias_D : d_out.new_empty({0})};
}

at::Tensor mix_meta(const at::Tensor& x_NED, const at::Tensor& node_offsets,
                    const at::Tensor& node_hyperedges, const at::Tensor& hyperedge_offsets,
                    const at::Tensor& hyperedge_nodes, const at::Tensor& weights,
                    std::string_view weighting, const std::optional<at::Tensor>& bias) {
  check(x_NED, {node_offsets, node_hyperedges, hyperedge_offsets, hyperedge_nodes}, weights);
  weighting_named(weighting);
  if (bias.has_value() && bias->defined()) check_bias(*bias, x_NED);
  return x_NED.new_empty_symint(x_NED.sym_sizes());
}

Tensors3 mix_gradient_meta(const at::Tensor& d_out, const at::Tensor& x_NED, const at::Tensor&,
                           const at::Tensor&, const at::Tensor&, const at::Tensor&,
                           const at::Tensor& weights, std::string_view, bool with_bias) {
  const c10::ScalarType bias_type = with_bias ? weight_type(x_NED) : d_out.scalar_type();
  return {x_NED.new_empty_symint(x_NED.sym_sizes()), weights.new_empty_symint(weights.sym_sizes()),
          d_out.new_empty_symint({with_bias ? x_NED.sym_size(2) : c10::SymInt(0)},
                                 d_out.options().dtype(bias_type))};
}

class HypergraphMix : public torch::autograd::Function<HypergraphMix> {
 public:
  // A missing bias is an empty optional: autograd takes no undefined tensor as an input.
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x_NED,
                            const at::Tensor& node_offsets, const at::Tensor& node_hyperedges,
                            const at::Tensor& hyperedge_offsets, const at::Tensor& hyperedge_nodes,
                            const at::Tensor& weights, const std::string& weighting,
                            const std::optional<at::Tensor>& bias) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const at::Tensor bias_D = bias.value_or(at::Tensor());
    context->save_for_backward({x_NED, node_offsets, node_hyperedges, hyperedge_offsets,
                                hyperedge_nodes, weights, bias_D});
    context->saved_data["weighting"] = weighting;
    return hypergraph_mix(x_NED,
                          {node_offsets, node_hyperedges, hyperedge_offsets, hyperedge_nodes},
                          weights, weighting_named(weighting), bias_D);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    static const auto op =
        find_operator<decltype(mix_gradient)>("hgnn_moe::hypergraph_mix_gradient");
    refuse_second_derivative("hypergraph_mix");
    const auto saved = context->get_saved_variables();
    const at::Tensor& bias_D = saved[6];
    const auto [d_x, d_weights, d_bias] =
        op.call(gradients[0], saved[0], saved[1], saved[2], saved[3], saved[4], saved[5],
                context->saved_data["weighting"].toStringRef(), bias_D.defined());
    return {d_x, {},        {}, {},
            {},  d_weights, {}, bias_D.defined() ? d_bias.to(bias_D.scalar_type()) : at::Tensor()};
  }
};

at::Tensor mix_autograd(const at::Tensor& x_NED, const at::Tensor& node_offsets,
                        const at::Tensor& node_hyperedges, const at::Tensor& hyperedge_offsets,
                        const at::Tensor& hyperedge_nodes, const at::Tensor& weights,
                        std::string_view weighting, const std::optional<at::Tensor>& bias) {
  return HypergraphMix::apply(x_NED, node_offsets, node_hyperedges, hyperedge_offsets,
                              hyperedge_nodes, weights, std::string(weighting), bias);
}

}  // namespace

TORCH_LIBRARY_IMPL(hgnn_moe, CPU, m) {
  m.impl("hypergraph_mix", mix);
  m.impl("hypergraph_mix_gradient", mix_gradient);
}
TORCH_LIBRARY_IMPL(hgnn_moe, CUDA, m) {
  m.impl("hypergraph_mix", mix);
  m.impl("hypergraph_mix_gradient", mix_gradient);
}
TORCH_LIBRARY_IMPL(hgnn_moe, Meta, m) {
  m.impl("hypergraph_mix", mix_meta);
  m.impl("hypergraph_mix_gradient", mix_gradient_meta);
}
TORCH_LIBRARY_IMPL(hgnn_moe, Autograd, m) { m.impl("hypergraph_mix", mix_autograd); }

at::Tensor hypergraph_mix(const at::Tensor& x_NED, const IncidenceCsr& incidence,
                          const at::Tensor& weights, Weighting weighting,
                          const at::Tensor& bias_D) {
  static const auto op = find_operator<decltype(mix)>("hgnn_moe::hypergraph_mix");
  const std::optional<at::Tensor> bias =
      bias_D.defined() ? std::optional<at::Tensor>(bias_D) : std::nullopt;
  return op.call(x_NED, incidence.node_offsets, incidence.node_hyperedges,
                 incidence.hyperedge_offsets, incidence.hyperedge_nodes, weights,
                 name_of(weighting), bias);
}

}  // namespace hgnn_moe::ops
