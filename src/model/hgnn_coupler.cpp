#include "hgnn_coupler.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "token_chunks.h"

#include "hgnn_moe/ops/collapsed_hypergraph.h"
#include "hgnn_moe/ops/expert_mix.h"
#include "hgnn_moe/ops/hypergraph_conv.h"

namespace hgnn_moe {

namespace {

// softplus of it is 1: ln(e - 1).
constexpr double kUnitSoftplus = 0.541324854612918;

}  // namespace

HgnnCoupler::HgnnCoupler(ParameterStore& store, const std::string& name, const ModelConfig& config,
                         const Execution& execution)
    : execution_(execution),
      activation_(config.activation),
      residual_(config.residual),
      can_read_out_(config.can_collapse()),
      weighting_(config.weighting),
      weight_param_(config.weight_param),
      precision_(config.precision),
      incidence_EM_(ops::incidence_matrix(
          config.hypergraph, at::TensorOptions().dtype(store.type()).device(store.device()))),
      incidence_(ops::incidence_csr(config.hypergraph, store.device())),
      raw_weights_M_([&] {
        if (!config.has_hyperedge_weights()) return at::Tensor();
        return store.add(name + ".hyperedge_weights", {config.hypergraph.num_hyperedges()},
                         config.weight_param == HyperedgeWeightParam::positive
                             ? Initializer::constant(kUnitSoftplus)
                             : Initializer::normal(1.0));
      }()),
      weight_proj_MD_([&] {
        if (!config.has_token_weights()) return at::Tensor();
        return store.add(name + ".hyperedge_weight_proj.weight",
                         {config.hypergraph.num_hyperedges(), config.embed_dim},
                         Initializer::constant(0.0));
      }()),
      layers_([&] {
        const std::int64_t d = config.embed_dim;
        std::vector<Layer> layers;
        for (std::int64_t g = 0; g < config.coupler_layers; ++g) {
          const std::string prefix = fmt::format("{}.hgnn_layers_module.{}.conv", name, g);
          Layer made;
          made.theta_DD = store.add(prefix + ".lin.weight", {d, d}, Initializer::glorot(d, d));
          made.rounded_theta = store.list().back().rounded;
          made.bias_D = store.add(prefix + ".bias", {d}, Initializer::constant(0.0));
          layers.push_back(made);
        }
        return layers;
      }()),
      combiner_(store, name, config) {}

at::Tensor HgnnCoupler::weights(const at::Tensor& input_ND) const {
  if (!raw_weights_M_.defined()) {
    return at::ones({incidence_EM_.size(1)}, incidence_EM_.options());
  }
  if (!are_shared()) return at::softplus(at::linear(input_ND, weight_proj_MD_, raw_weights_M_));
  return weight_param_ == HyperedgeWeightParam::positive ? at::softplus(raw_weights_M_)
                                                         : raw_weights_M_;
}

at::Tensor HgnnCoupler::mixing(const at::Tensor& weights) const {
  return ops::mixing_matrix(incidence_EM_, weights, weighting_);
}

at::Tensor HgnnCoupler::forward(const at::Tensor& experts_NED, const at::Tensor& input_ND) const {
  if (incidence_EM_.size(1) == 0) return combiner_.forward(experts_NED);
  const at::Tensor w = weights(input_ND);
  switch (execution_.coupler_path) {
    case CouplerPath::collapsed:
      return collapsed(experts_NED, w);
    case CouplerPath::sequential:
      return sequential(experts_NED, w);
    default:
      return batched(experts_NED, w);
  }
}

at::Tensor HgnnCoupler::end_layer(const at::Tensor& convolved_NED, const at::Tensor& x_NED) const {
  const at::Tensor active_NED =
      activation_ == HgnnActivation::gelu ? at::gelu(convolved_NED) : convolved_NED;
  return residual_ ? active_NED + x_NED : active_NED;
}

// The first `count` of the layers, each by `convolve`; in bf16 X is bf16 between them.
template <typename Convolution>
at::Tensor HgnnCoupler::run_layers(const at::Tensor& experts_NED, const std::vector<Layer>& layers,
                                   std::size_t count, Convolution convolve) const {
  at::Tensor x_NED = experts_NED.to(product_type(precision_, experts_NED.scalar_type()));
  for (std::size_t g = 0; g < count; ++g) {
    const at::Tensor theta_DD =
        ops::in_type(layers[g].theta_DD, layers[g].rounded_theta, x_NED.scalar_type());
    x_NED = end_layer(convolve(x_NED, theta_DD, layers[g].bias_D), x_NED);
  }
  return x_NED.to(experts_NED.scalar_type());
}

// The reference: one token after the other, one layer after the other.
at::Tensor HgnnCoupler::sequential(const at::Tensor& experts_NED, const at::Tensor& weights) const {
  const auto convolve = [&](const at::Tensor& x_NED, const at::Tensor& theta_DD,
                            const at::Tensor& bias_D) {
    return ops::hypergraph_conv_reference(x_NED, incidence_EM_, weights, weighting_, theta_DD,
                                          bias_D.to(x_NED.scalar_type()));
  };
  return combiner_.forward(run_layers(experts_NED, layers_, layers_.size(), convolve));
}

at::Tensor HgnnCoupler::convolved(const at::Tensor& experts_NED, const at::Tensor& weights,
                                  const std::vector<Layer>& layers, std::size_t count) const {
  return run_layers(
      experts_NED, layers, count,
      [&](const at::Tensor& x_NED, const at::Tensor& theta_DD, const at::Tensor& bias_D) {
        return ops::hypergraph_conv(x_NED, incidence_, weights, weighting_, theta_DD, bias_D);
      });
}

at::Tensor HgnnCoupler::batched_mean(const at::Tensor& experts_NED, const at::Tensor& weights,
                                     const std::vector<Layer>& layers) const {
  if (!can_read_out_) {
    return mean_over_experts(convolved(experts_NED, weights, layers, layers.size()));
  }
  // Nothing non-linear follows the last layer, so one weighted mean a token goes through it.
  const at::Tensor x_NED = convolved(experts_NED, weights, layers, layers.size() - 1);
  const at::Tensor readout = ops::collapse_mixing(mixing(weights), 1).readout;
  return linear(ops::expert_readout(readout, x_NED), layers.back().theta_DD, layers.back().bias_D,
                precision_, layers.back().rounded_theta);
}

at::Tensor HgnnCoupler::batched(const at::Tensor& experts_NED, const at::Tensor& weights) const {
  std::vector<at::Tensor> tokens{experts_NED}, shared;
  for (const Layer& layer : layers_) {
    shared.push_back(layer.theta_DD);
    shared.push_back(layer.bias_D);
  }
  (are_shared() ? shared : tokens).push_back(weights);
  const auto all_layers = [this](const std::vector<at::Tensor>& some_tokens,
                                 const std::vector<at::Tensor>& parameters) {
    std::vector<Layer> layers;
    for (std::size_t g = 0; g < layers_.size(); ++g) {
      layers.push_back({parameters[2 * g], parameters[2 * g + 1], layers_[g].rounded_theta});
    }
    const at::Tensor& w = are_shared() ? parameters.back() : some_tokens.back();
    return batched_mean(some_tokens.front(), w, layers);
  };
  return combiner_.forward_mean(
      run_in_chunks(all_layers, tokens, shared, execution_.coupler_chunk));
}

at::Tensor HgnnCoupler::collapsed(const at::Tensor& experts_NED, const at::Tensor& weights) const {
  ops::CollapsedLayers layers;
  for (const Layer& layer : layers_) {
    layers.thetas_DD.push_back(layer.theta_DD);
    layers.biases_D.push_back(layer.bias_D);
  }
  layers.out_weight_DD = combiner_.weight();
  layers.out_bias_D = combiner_.bias();
  return combiner_.finish(ops::collapsed_hypergraph(
      experts_NED, mixing(weights), layers, product_type(precision_, experts_NED.scalar_type())));
}

CouplerTrace HgnnCoupler::trace(const at::Tensor& experts_NED, const at::Tensor& input_ND) const {
  if (incidence_EM_.size(1) == 0) return {};
  const c10::NoGradGuard no_grad;
  const at::Tensor w = weights(input_ND);
  const auto host_mean = [this](const at::Tensor& x) {
    return (are_shared() ? x : x.mean(0, /*keepdim=*/false, at::kDouble)).to(at::kCPU, at::kDouble);
  };
  CouplerTrace trace;
  trace.hyperedge_weights_M = host_mean(w);
  trace.mixing_EE = {host_mean(mixing(w))};
  // Rounded for themselves: what the collapsed path does not multiply with, an update of training
  // that was captured would not write, and it would be taken for current.
  std::vector<Layer> layers = layers_;
  for (Layer& layer : layers) layer.rounded_theta = nullptr;
  trace.features_NED = convolved(experts_NED, w, layers, layers.size());
  return trace;
}

double HgnnCoupler::smallest_relative_degree() const {
  // Weights per token are positive, and positive weights cannot cancel.
  if (incidence_EM_.size(1) == 0 || !are_shared()) return 1.0;
  const c10::NoGradGuard no_grad;
  return ops::smallest_relative_degree(incidence_EM_, weights({}));
}

}  // namespace hgnn_moe
