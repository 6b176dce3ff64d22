#include "hgnn_moe/model/graph_effect.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

namespace hgnn_moe {

namespace {

constexpr double kRounding = 1e-9;

at::Tensor mixing_with(const ModelConfig& config, const at::Tensor& weights_M) {
  return ops::mixing_matrix(ops::incidence_matrix(config.hypergraph, at::kDouble), weights_M,
                            config.weighting);
}

at::Tensor ones(const ModelConfig& config) {
  return at::ones({config.hypergraph.num_hyperedges()}, at::kDouble);
}

// Weights without any symmetry.
at::Tensor uneven(const ModelConfig& config) {
  return at::arange(2, config.hypergraph.num_hyperedges() + 2, at::kDouble).sqrt();
}

// P with weights that a model can have: ones where they are fixed.
at::Tensor possible_mixing(const ModelConfig& config) {
  return mixing_with(config, config.learnable_weights ? uneven(config) : ones(config));
}

bool differ(const at::Tensor& a, const at::Tensor& b) {
  return a.sub(b).abs().max().item<double>() > kRounding;
}

bool is_doubly_stochastic(const ModelConfig& config) {
  const at::Tensor sums_E = possible_mixing(config).sum(0);
  return !differ(sums_E, at::ones_like(sums_E));
}

// Whether the columns of P have one sum whatever the weights are, such as 1/w of a single
// hyperedge: the mean over experts is then scaled, which the layer's matrix can do as well.
bool only_scales_the_mean(const ModelConfig& config) {
  if (!config.can_collapse() || config.has_token_weights()) return false;
  const at::Tensor sums_E = possible_mixing(config).sum(0);
  return !differ(sums_E, sums_E.mean().expand_as(sums_E));
}

bool weights_cancel(const ModelConfig& config) {
  return config.has_hyperedge_weights() &&
         !differ(mixing_with(config, ones(config)), mixing_with(config, uneven(config)));
}

}  // namespace

const char* name_of(GraphEffect effect) {
  switch (effect) {
    case GraphEffect::none:
      return "none";
    case GraphEffect::active:
      return "active";
    case GraphEffect::no_op:
      return "no_op";
    case GraphEffect::weights_cancel:
      return "weights_cancel";
  }
  return "none";
}

std::string no_op_reason(const ModelConfig& config) {
  if (config.coupler_type != CouplerType::hgnn) return "";
  if (config.num_experts == 1) return "there is one expert";
  if (config.hypergraph_is_empty()) return "the hypergraph has no hyperedge";
  // Between non-linear layers even a mean over the experts changes what the next layer sees.
  if (!config.can_collapse()) return "";
  if (!is_doubly_stochastic(config)) return "";
  return fmt::format(
      "its mixing matrix is doubly stochastic {}, and the mean over experts undoes it",
      config.learnable_weights ? "whatever the weights are" : "with weights of 1");
}

GraphFinding graph_effect(const ModelConfig& config) {
  if (!config.has_coupler_layers()) return {GraphEffect::none, ""};
  if (config.num_experts == 1) return {GraphEffect::none, "there is one expert"};
  if (config.coupler_type == CouplerType::gnn) return {GraphEffect::active, ""};
  if (const std::string reason = no_op_reason(config); !reason.empty()) {
    return {GraphEffect::no_op, reason};
  }
  if (only_scales_the_mean(config)) {
    return {GraphEffect::no_op,
            "all experts have the same part in what is read out, so its weights only scale the "
            "mean over experts, as the layer's matrix can"};
  }
  if (weights_cancel(config)) {
    return {GraphEffect::weights_cancel,
            "its hyperedge weights cancel: the mixing matrix is the same whatever they are"};
  }
  return {GraphEffect::active, ""};
}

}  // namespace hgnn_moe
