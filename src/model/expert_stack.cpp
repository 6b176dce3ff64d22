#include "hgnn_moe/model/expert_stack.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <fmt/format.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/model/profile_scopes.h"

namespace hgnn_moe {

namespace {

// Moves one kind of parameter of all experts into one tensor; the parameters stay what they are for
// optimizer, checkpoints and autograd.
ops::ExpertParameter pack(std::vector<at::Tensor> parameters) {
  std::vector<at::Tensor> values;
  for (const at::Tensor& parameter : parameters) values.push_back(parameter.detach());
  ops::ExpertParameter packed{at::stack(values), std::move(parameters)};
  for (std::size_t e = 0; e < packed.experts.size(); ++e) {
    packed.experts[e].set_data(packed.all[static_cast<std::int64_t>(e)]);
  }
  return packed;
}

// The experts' weights rounded side by side, where the products take them so.
void pack_rounded(ops::ExpertParameter& packed, std::vector<ops::RoundedWeightPtr> rounded,
                  at::ScalarType products) {
  if (products == packed.all.scalar_type()) return;
  packed.rounded_all = at::empty(packed.all.sizes(), packed.all.options().dtype(products));
  packed.rounded = std::move(rounded);
  for (std::size_t e = 0; e < packed.rounded.size(); ++e) {
    packed.rounded[e]->keep_in(packed.rounded_all[static_cast<std::int64_t>(e)]);
  }
}

ops::ExpertWeights pack_all(const std::vector<Expert>& experts, Precision precision) {
  const auto kind = [&](auto parameter_of) {
    std::vector<at::Tensor> parameters;
    for (const Expert& expert : experts) parameters.push_back(parameter_of(expert));
    return pack(std::move(parameters));
  };
  const auto weights = [&](auto linear_of) {
    std::vector<ops::RoundedWeightPtr> rounded;
    for (const Expert& expert : experts) rounded.push_back(linear_of(expert).rounded);
    ops::ExpertParameter packed = kind([&](const Expert& e) { return linear_of(e).weight; });
    pack_rounded(packed, std::move(rounded), product_type(precision, packed.all.scalar_type()));
    return packed;
  };
  ops::ExpertWeights w;
  w.qkv_weight = kind([](const Expert& e) { return e.in_projection().weight; });
  w.qkv_bias = kind([](const Expert& e) { return e.in_projection().bias; });
  w.out_weight = weights([](const Expert& e) { return e.out_projection(); });
  w.out_bias = kind([](const Expert& e) { return e.out_projection().bias; });
  w.norm1_weight = kind([](const Expert& e) { return e.norm1().weight; });
  w.norm1_bias = kind([](const Expert& e) { return e.norm1().bias; });
  w.norm2_weight = kind([](const Expert& e) { return e.norm2().weight; });
  w.norm2_bias = kind([](const Expert& e) { return e.norm2().bias; });
  w.expand_weight = weights([](const Expert& e) { return e.expand(); });
  w.expand_bias = kind([](const Expert& e) { return e.expand().bias; });
  w.contract_weight = weights([](const Expert& e) { return e.contract(); });
  w.contract_bias = kind([](const Expert& e) { return e.contract().bias; });
  w.kept_projection = std::make_shared<ops::KeptProjection>();
  return w;
}

}  // namespace

ExpertStack::ExpertStack(ParameterStore& store, const std::string& name, const ModelConfig& config,
                         std::int64_t layer, ExpertPath path)
    : layer_(layer), num_heads_(config.num_heads), precision_(config.precision), path_(path) {
  HGNN_MOE_ASSERT(path != ExpertPath::automatic, "the expert path of layer {} is not resolved",
                  layer);
  for (std::int64_t e = 0; e < config.num_experts; ++e) {
    experts_.emplace_back(store, fmt::format("{}.experts.{}", name, e), config, layer, e);
  }
  if (path_ == ExpertPath::fused) weights_ = pack_all(experts_, precision_);
}

at::Tensor ExpertStack::forward(const at::Tensor& x_ND, const ops::PackedSamples& samples,
                                const ForwardContext& context) const {
  RECORD_USER_SCOPE(profile_scope::kExperts);
  if (path_ == ExpertPath::reference) return one_by_one(x_ND, samples, context);
  return ops::fused_experts(x_ND, weights_, num_heads_, samples, context.expert_dropout(layer_),
                            product_type(precision_, x_ND.scalar_type()));
}

at::Tensor ExpertStack::one_by_one(const at::Tensor& x_ND, const ops::PackedSamples& samples,
                                   const ForwardContext& context) const {
  const at::Tensor x_BTD = ops::pad_packed(x_ND, samples);
  std::vector<at::Tensor> outputs;
  for (const Expert& expert : experts_) {
    const at::Tensor out_BTD = expert.forward(x_BTD, samples.sample_indices_B, context);
    outputs.push_back(ops::pack_padded(out_BTD, samples));
  }
  return at::stack(outputs, 1);
}

}  // namespace hgnn_moe
