#include "hgnn_coupler.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "hgnn_moe/ops/collapsed_hypergraph.h"
#include "hgnn_moe/ops/expert_mix.h"
#include "hgnn_moe/ops/hypergraph_conv.h"

namespace hgnn_moe {

namespace {

// softplus of it is 1: ln(e - 1).
constexpr double kUnitSoftplus = 0.541324854612918;

}  // namespace

HgnnCoupler::HgnnCoupler(ParameterStore& store, const std::string& name, const ModelConfig& config,
                         CouplerPath path)
    : path_(path),
      activation_(config.activation),
      residual_(config.residual),
      can_read_out_(config.can_collapse()),
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
  switch (path_) {
    case CouplerPath::collapsed:
      return collapsed(experts_NED);
    case CouplerPath::sequential:
      return sequential(experts_NED);
    default:
      return batched(experts_NED);
  }
}

at::Tensor HgnnCoupler::end_layer(const at::Tensor& convolved_NED, const at::Tensor& x_NED) const {
  const at::Tensor active_NED =
      activation_ == HgnnActivation::gelu ? at::gelu(convolved_NED) : convolved_NED;
  return residual_ ? active_NED + x_NED : active_NED;
}

// The first `count` layers, each by `convolve`; in bf16 X is bf16 between them.
template <typename Convolution>
at::Tensor HgnnCoupler::run_layers(const at::Tensor& experts_NED, std::size_t count,
                                   Convolution convolve) const {
  const at::Tensor w_M = weights();
  at::Tensor x_NED = precision_ == Precision::bf16 ? experts_NED.to(at::kBFloat16) : experts_NED;
  for (std::size_t g = 0; g < count; ++g) {
    const at::Tensor theta_DD = layers_[g].theta_DD.to(x_NED.scalar_type());
    const at::Tensor bias_D = layers_[g].bias_D.to(x_NED.scalar_type());
    const at::Tensor convolved_NED =
        convolve(x_NED, incidence_EM_, w_M, weighting_, theta_DD, bias_D);
    x_NED = end_layer(convolved_NED, x_NED);
  }
  return x_NED.to(experts_NED.scalar_type());
}

// The reference: one token after the other, one layer after the other.
at::Tensor HgnnCoupler::sequential(const at::Tensor& experts_NED) const {
  return combiner_.forward(run_layers(experts_NED, layers_.size(), ops::hypergraph_conv_reference));
}

at::Tensor HgnnCoupler::batched(const at::Tensor& experts_NED) const {
  if (!can_read_out_) {
    return combiner_.forward(run_layers(experts_NED, layers_.size(), ops::hypergraph_conv));
  }
  // Nothing non-linear follows the last layer, so one weighted mean a token goes through it.
  const at::Tensor x_NED = run_layers(experts_NED, layers_.size() - 1, ops::hypergraph_conv);
  const at::Tensor mixing = ops::mixing_matrix(incidence_EM_, weights(), weighting_);
  const at::Tensor mean_ND = ops::expert_readout(ops::collapse_mixing(mixing, 1).readout, x_NED);
  return combiner_.forward_mean(
      linear(mean_ND, layers_.back().theta_DD, layers_.back().bias_D, precision_));
}

at::Tensor HgnnCoupler::collapsed(const at::Tensor& experts_NED) const {
  const at::Tensor mixing = ops::mixing_matrix(incidence_EM_, weights(), weighting_);
  const ops::CollapsedMixing whole =
      ops::collapse_mixing(mixing, static_cast<std::int64_t>(layers_.size()));
  at::Tensor m_ND = ops::expert_readout(whole.readout, experts_NED);
  if (m_ND.size(0) <= m_ND.size(1)) {
    for (std::size_t g = 0; g < layers_.size(); ++g) {
      const at::Tensor bias_D = whole.bias_scales[static_cast<std::int64_t>(g)] * layers_[g].bias_D;
      m_ND = linear(m_ND, layers_[g].theta_DD, bias_D, precision_);
    }
    return combiner_.forward_mean(m_ND);
  }
  // With more tokens than features it takes fewer operations to multiply the weights first.
  at::Tensor product_DD = combiner_.weight();
  at::Tensor bias_D = combiner_.bias();
  for (std::size_t g = layers_.size(); g-- > 0;) {
    const at::Tensor scale = whole.bias_scales[static_cast<std::int64_t>(g)];
    bias_D = bias_D + scale * at::mv(product_DD, layers_[g].bias_D);
    product_DD = at::mm(product_DD, layers_[g].theta_DD);
  }
  return combiner_.finish(linear(m_ND, product_DD, bias_D, precision_));
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
