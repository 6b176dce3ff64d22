#include "hgnn_moe/ops/fused_experts.h"

#include <ATen/ATen.h>
#include <ATen/SequenceNumber.h>
#include <ATen/core/ivalue.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "expert_block_kernels.h"
#include "expert_products.h"
#include "operator_registry.h"
#include "wide_product.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/packed_attention.h"

namespace hgnn_moe::ops {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The experts' leaves stand behind the other inputs of a function, kind after kind, and so do their
// gradients; the functions compute with `all`.
variable_list leaves_of(std::initializer_list<const ExpertParameter*> parameters) {
  variable_list leaves;
  for (const ExpertParameter* parameter : parameters) {
    leaves.insert(leaves.end(), parameter->experts.begin(), parameter->experts.end());
  }
  return leaves;
}

void append_rows(variable_list& gradients, std::initializer_list<at::Tensor> of_all_experts) {
  for (const at::Tensor& gradient : of_all_experts) {
    for (const at::Tensor& row : gradient.unbind(0)) gradients.push_back(row);
  }
}

// ExpertDropout as autograd keeps it.
struct KeptDropout : torch::CustomClassHolder {
  explicit KeptDropout(ExpertDropout dropout) : dropout(std::move(dropout)) {}
  ExpertDropout dropout;
};

void keep(AutogradContext* context, const ExpertDropout& dropout) {
  context->saved_data["dropout"] =
      c10::IValue::make_capsule(c10::make_intrusive<KeptDropout>(dropout));
}

ExpertDropout kept_dropout(AutogradContext* context) {
  const auto capsule = context->saved_data["dropout"].toCapsule();
  return static_cast<const KeptDropout*>(capsule.get())->dropout;
}

at::Tensor empty_as(const at::Tensor& like, at::ScalarType type) {
  return at::empty(like.sizes(), like.options().dtype(type));
}

NormStatistics empty_statistics(at::IntArrayRef shape, const at::Tensor& state) {
  return {at::empty(shape, state.options()), at::empty(shape, state.options())};
}

// qkv_n = W' xhat_n + b' with norm1 folded into W' and b'. Leaves: W, b, gamma, beta.
class Projection : public torch::autograd::Function<Projection> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x_ND,
                            const at::Tensor& folded_MD, const at::Tensor& folded_bias_M,
                            const at::Tensor& weight_E3DD, const at::Tensor& gamma_ED,
                            const at::Tensor& beta_ED, at::TensorList) {
    const at::ScalarType type = folded_MD.scalar_type();
    NormOutputs normed{empty_as(x_ND, type), empty_statistics({x_ND.size(0)}, x_ND)};
    norm(x_ND, normed);
    // Of full width, the backward pass rather folds again than keeps as much as W once more.
    const bool keep = type != weight_E3DD.scalar_type();
    context->save_for_backward({x_ND, weight_E3DD, gamma_ED, beta_ED, normed.xhat_ND,
                                normed.statistics_N.mean, normed.statistics_N.reciprocal_deviation,
                                keep ? folded_MD : at::Tensor()});
    return at::addmm(folded_bias_M, normed.xhat_ND, folded_MD.t());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    refuse_second_derivative("fused_experts");
    const auto saved = context->get_saved_variables();
    const at::Tensor &x_ND = saved[0], &weight_E3DD = saved[1], &gamma_ED = saved[2],
                     &beta_ED = saved[3], &xhat_ND = saved[4];
    const at::Tensor& d_qkv_NM = gradients[0];
    const at::ScalarType state = x_ND.scalar_type();

    at::Tensor d_x_ND = at::zeros_like(x_ND);
    const at::Tensor folded_MD =
        saved[7].defined() ? saved[7] : fold_norm_weight(weight_E3DD, gamma_ED, state);
    norm_gradient({at::mm(d_qkv_NM, folded_MD), x_ND, {saved[5], saved[6]}}, d_x_ND);

    const at::Tensor d_folded_E3DD =
        wide_mm(d_qkv_NM.t(), xhat_ND, state).view(weight_E3DD.sizes());
    const at::Tensor d_bias_E3D =
        d_qkv_NM.sum(0, /*keepdim=*/false, state).view(weight_E3DD.sizes().slice(0, 2));
    const at::Tensor d_gamma_ED = d_folded_E3DD.mul(weight_E3DD).sum(1);
    const at::Tensor d_beta_ED = at::bmm(d_bias_E3D.unsqueeze(1), weight_E3DD).squeeze(1);
    // W reaches the result through the folded weights and through W beta.
    const at::Tensor d_weight_E3DD = d_folded_E3DD.mul(gamma_ED.unsqueeze(1))
                                         .addcmul_(d_bias_E3D.unsqueeze(2), beta_ED.unsqueeze(1));
    variable_list result{d_x_ND, {}, {}, {}, {}, {}};
    append_rows(result, {d_weight_E3DD, d_bias_E3D, d_gamma_ED, d_beta_ED});
    return result;
  }
};

// h = x + W_e heads + b_e and z = norm2(h). Here and below W is of the products' type. Leaves: W,
// b, gamma, beta.
class AttentionOutput : public torch::autograd::Function<AttentionOutput> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& x_ND,
                               const at::Tensor& heads_NED, const at::Tensor& weight_EDD,
                               const at::Tensor& bias_ED, const at::Tensor& gamma_ED,
                               const at::Tensor& beta_ED, at::TensorList) {
    const at::Tensor y_NED = expert_products(heads_NED, weight_EDD);
    // z takes the place of y.
    ResidualNormOutputs out{empty_as(heads_NED, x_ND.scalar_type()), y_NED,
                            empty_statistics(heads_NED.sizes().slice(0, 2), x_ND)};
    residual_norm({x_ND, y_NED, bias_ED, gamma_ED, beta_ED}, out);
    context->save_for_backward({heads_NED, weight_EDD, gamma_ED, out.h_NED, out.statistics_NE.mean,
                                out.statistics_NE.reciprocal_deviation});
    return {out.h_NED, out.z_NED};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    refuse_second_derivative("fused_experts");
    const auto saved = context->get_saved_variables();
    const at::Tensor &heads_NED = saved[0], &weight_EDD = saved[1], &gamma_ED = saved[2],
                     &h_NED = saved[3];
    const at::ScalarType type = heads_NED.scalar_type(), state = h_NED.scalar_type();
    ResidualNormGradients d{
        empty_as(heads_NED, type), at::zeros({h_NED.size(0), h_NED.size(2)}, h_NED.options()),
        at::empty_like(gamma_ED), at::empty_like(gamma_ED), at::empty_like(gamma_ED)};
    residual_norm_gradient({gradients[0], gradients[1], h_NED, {saved[4], saved[5]}, gamma_ED}, d);
    variable_list result{
        d.d_x_ND, expert_products_input_gradient(d.d_y_NED, weight_EDD), {}, {}, {}, {}};
    append_rows(result, {expert_products_weight_gradient(d.d_y_NED, heads_NED, state), d.d_bias_ED,
                         d.d_gamma_ED, d.d_beta_ED});
    return result;
  }
};

// g = dropout(gelu(W_e z + b_e)). Leaves: W, b.
class Expansion : public torch::autograd::Function<Expansion> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& z_NED,
                            const at::Tensor& weight_EFD, const at::Tensor& bias_EF,
                            const ExpertDropout& dropout, at::TensorList) {
    const at::Tensor u_NEF = expert_products(z_NED, weight_EFD);
    at::Tensor g_NEF = at::empty_like(u_NEF);
    gelu_dropout({u_NEF, bias_EF, dropout}, g_NEF);
    context->save_for_backward({z_NED, weight_EFD, bias_EF, u_NEF});
    keep(context, dropout);
    return g_NEF;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    refuse_second_derivative("fused_experts");
    const auto saved = context->get_saved_variables();
    const at::Tensor &z_NED = saved[0], &weight_EFD = saved[1], &bias_EF = saved[2],
                     &u_NEF = saved[3];
    GeluDropoutGradients d{at::empty_like(u_NEF), at::empty_like(bias_EF)};
    gelu_dropout_gradient({u_NEF, bias_EF, kept_dropout(context)}, gradients[0], d);
    variable_list result{expert_products_input_gradient(d.d_u_NEF, weight_EFD), {}, {}, {}};
    append_rows(result, {expert_products_weight_gradient(d.d_u_NEF, z_NED, bias_EF.scalar_type()),
                         d.d_bias_EF});
    return result;
  }
};

// out = h + dropout(W_e g + b_e). Leaves: W, b.
class Contraction : public torch::autograd::Function<Contraction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& h_NED,
                            const at::Tensor& g_NEF, const at::Tensor& weight_EDF,
                            const at::Tensor& bias_ED, const ExpertDropout& dropout,
                            at::TensorList) {
    const at::Tensor y_NED = expert_products(g_NEF, weight_EDF);
    at::Tensor out_NED = at::empty_like(h_NED);
    dropout_residual({h_NED, y_NED, bias_ED, dropout}, out_NED);
    context->save_for_backward({g_NEF, weight_EDF, bias_ED});
    keep(context, dropout);
    return out_NED;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    refuse_second_derivative("fused_experts");
    const auto saved = context->get_saved_variables();
    const at::Tensor &g_NEF = saved[0], &weight_EDF = saved[1], &bias_ED = saved[2];
    const at::Tensor d_out_NED = gradients[0].contiguous();
    const at::ScalarType type = g_NEF.scalar_type();
    DropoutResidualGradients d{empty_as(d_out_NED, type), at::empty_like(bias_ED)};
    dropout_residual_gradient(d_out_NED, kept_dropout(context), d);
    variable_list result{
        d_out_NED, expert_products_input_gradient(d.d_y_NED, weight_EDF), {}, {}, {}};
    append_rows(result, {expert_products_weight_gradient(d.d_y_NED, g_NEF, bias_ED.scalar_type()),
                         d.d_bias_ED});
    return result;
  }
};

}  // namespace

at::Tensor ExpertParameter::in_type(at::ScalarType type) const {
  if (type == all.scalar_type() || rounded.empty()) return all.to(type);
  for (const RoundedWeightPtr& row : rounded) row->values(type);
  return rounded_all;
}

at::Tensor fused_experts(const at::Tensor& x_ND, const ExpertWeights& weights,
                         std::int64_t num_heads, const PackedSamples& samples,
                         const ExpertStreams& streams, at::ScalarType products) {
  const std::int64_t tokens = x_ND.size(0), dim = x_ND.size(1);
  const std::int64_t experts = weights.qkv_weight.all.size(0);
  HGNN_MOE_ASSERT(dim % num_heads == 0 && weights.qkv_weight.all.size(1) == 3 * dim,
                  "D {} and {} heads", dim, num_heads);
  HGNN_MOE_ASSERT(products == x_ND.scalar_type() ||
                      (products == at::kBFloat16 && x_ND.scalar_type() == at::kFloat),
                  "products of type {} beside {}", static_cast<int>(products),
                  static_cast<int>(x_ND.scalar_type()));
  const auto dropout = [&](const at::Tensor& keys_E) {
    return ExpertDropout{streams.rate, keys_E, samples.positions_N, samples.samples_N};
  };
  const ExpertWeights& w = weights;
  // A profile finds the section of a backward pass by the sequence number that its forward pass
  // had.
  RECORD_FUNCTION("hgnn_moe::fused_experts", std::vector<c10::IValue>({x_ND}),
                  static_cast<std::int64_t>(at::sequence_number::peek()));
  const bool keep = products != x_ND.scalar_type() && w.kept_projection != nullptr;
  const FoldedProjection folded =
      keep ? w.kept_projection->get(w, products) : fold_projection(w, products);
  const at::Tensor qkv = Projection::apply(
      x_ND, folded.weight_MD, folded.bias_M, w.qkv_weight.all, w.norm1_weight.all, w.norm1_bias.all,
      at::TensorList(leaves_of({&w.qkv_weight, &w.qkv_bias, &w.norm1_weight, &w.norm1_bias})));
  const at::Tensor heads_NED =
      packed_attention(qkv.view({tokens, experts, 3, num_heads, dim / num_heads}), samples,
                       streams.rate, streams.attention_E)
          .view({tokens, experts, dim});
  const variable_list h_and_z = AttentionOutput::apply(
      x_ND, heads_NED, w.out_weight.in_type(products), w.out_bias.all, w.norm2_weight.all,
      w.norm2_bias.all,
      at::TensorList(leaves_of({&w.out_weight, &w.out_bias, &w.norm2_weight, &w.norm2_bias})));
  const at::Tensor g_NEF = Expansion::apply(
      h_and_z[1], w.expand_weight.in_type(products), w.expand_bias.all, dropout(streams.hidden_E),
      at::TensorList(leaves_of({&w.expand_weight, &w.expand_bias})));
  return Contraction::apply(h_and_z[0], g_NEF, w.contract_weight.in_type(products),
                            w.contract_bias.all, dropout(streams.output_E),
                            at::TensorList(leaves_of({&w.contract_weight, &w.contract_bias})));
}

}  // namespace hgnn_moe::ops
