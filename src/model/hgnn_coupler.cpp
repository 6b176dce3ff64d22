#include "hgnn_coupler.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "hgnn_moe/ops/hypergraph_conv.h"

namespace hgnn_moe {

namespace {

// softplus of it is 1: ln(e - 1).
constexpr double kUnitSoftplus = 0.541324854612918;

}  // namespace

HgnnCoupler::HgnnCoupler(ParameterStore& store, const std::string& name, const ModelConfig& config,
                         CouplerPath path)
    : path_(path),
      weighting_(config.weighting),
      weight_param_(config.weight_param),
      precision_(config.precision),
      incidence_EM_(ops::incidence_matrix(
          config.hypergraph, at::TensorOptions().dtype(store.type()).device(store.device()))),
      raw_weights_M_([&] {
        if (!config.has_hyperedge_weights()) return at::Tensor();
        return store.add(name + ".hyperedge_weights", {config.hypergraph.num_hyperedges()},
                         config.weight_param == HyperedgeWeightParam::positive
                             ? Initializer::constant(kUnitSoftplus)
                             : Initializer::normal(1.0));
      }()),
      layers_([&] {
        const std::int64_t d = config.embed_dim;
        std::vector<Layer> layers;
        for (std::int64_t g = 0; g < config.coupler_layers; ++g) {
          const std::string prefix = fmt::format("{}.hgnn_layers_module.{}.conv", name, g);
          Layer made;
          made.theta_DD = store.add(prefix + ".lin.weight", {d, d}, Initializer::glorot(d, d));
          made.bias_D = store.add(prefix + ".bias", {d}, Initializer::constant(0.0));
          layers.push_back(made);
        }
        return layers;
      }()),
      combiner_(store, name, config) {}

at::Tensor HgnnCoupler::weights() const {
  if (!raw_weights_M_.defined()) {
    return at::ones({incidence_EM_.size(1)}, incidence_EM_.options());
  }
  return weight_param_ == HyperedgeWeightParam::positive ? at::softplus(raw_weights_M_)
                                                         : raw_weights_M_;
}

at::Tensor HgnnCoupler::forward(const at::Tensor& experts_NED, const ForwardContext&) const {
  if (incidence_EM_.size(1) == 0) return combiner_.forward(experts_NED);
  const auto convolve =
      path_ == CouplerPath::batched ? ops::hypergraph_conv : ops::hypergraph_conv_reference;
  const at::Tensor w_M = weights();
  const bool bf16 = precision_ == Precision::bf16;
  at::Tensor x_NED = bf16 ? experts_NED.to(at::kBFloat16) : experts_NED;
  for (const Layer& layer : layers_) {
    x_NED = convolve(x_NED, incidence_EM_, w_M, weighting_, layer.theta_DD.to(x_NED.scalar_type()),
                     layer.bias_D.to(x_NED.scalar_type()));
  }
  return combiner_.forward(x_NED.to(experts_NED.scalar_type()));
}

CouplerState HgnnCoupler::state() const {
  CouplerState state;
  if (incidence_EM_.size(1) == 0) return state;
  const c10::NoGradGuard no_grad;
  state.hyperedge_weights_M = weights().to(at::kCPU, at::kDouble);
  state.mixing_EE =
      ops::mixing_matrix(incidence_EM_, weights(), weighting_).to(at::kCPU, at::kDouble);
  return state;
}

double HgnnCoupler::smallest_relative_degree() const {
  if (incidence_EM_.size(1) == 0) return 1.0;
  const c10::NoGradGuard no_grad;
  return ops::smallest_relative_degree(incidence_EM_, weights());
}

}  // namespace hgnn_moe
