// Operators that are made of others, for callers from Python: no kernels of their own.
#include <string_view>
#include <tuple>

#include <ATen/ATen.h>
#include <torch/library.h>

#include "weighting_name.h"

#include "hgnn_moe/ops/collapsed_hypergraph.h"
#include "hgnn_moe/ops/gnn_update.h"
#include "hgnn_moe/ops/hypergraph_conv.h"

namespace hgnn_moe::ops {

namespace {

// hyperedge_index [2, nnz]: experts and their hyperedges, as torch_geometric has it. Reads values,
// so it is called once, outside of what torch.compile traces.
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> make_incidence(
    const at::Tensor& hyperedge_index, std::int64_t num_experts, std::int64_t num_hyperedges) {
  TORCH_CHECK_VALUE(hyperedge_index.dim() == 2 && hyperedge_index.size(0) == 2 &&
                        hyperedge_index.scalar_type() == at::kLong,
                    "incidence_csr: hyperedge_index is ", hyperedge_index.scalar_type(), " ",
                    hyperedge_index.sizes(), ", it needs int64 [2, nnz]");
  TORCH_CHECK_VALUE(num_experts >= 1 && num_hyperedges >= 0, "incidence_csr: ", num_experts,
                    " experts and ", num_hyperedges, " hyperedges");
  const at::Tensor index = hyperedge_index.to(at::kCPU).contiguous();
  const auto pairs = index.accessor<std::int64_t, 2>();
  Hypergraph graph{num_experts, {}};
  graph.hyperedges.resize(static_cast<std::size_t>(num_hyperedges));
  for (std::int64_t k = 0; k < index.size(1); ++k) {
    const std::int64_t expert = pairs[0][k], hyperedge = pairs[1][k];
    TORCH_CHECK_VALUE(
        expert >= 0 && expert < num_experts && hyperedge >= 0 && hyperedge < num_hyperedges,
        "incidence_csr: column ", k, " puts expert ", expert, " into hyperedge ", hyperedge,
        ", but there are ", num_experts, " experts and ", num_hyperedges, " hyperedges");
    auto& members = graph.hyperedges[hyperedge];
    TORCH_CHECK_VALUE(std::find(members.begin(), members.end(), expert) == members.end(),
                      "incidence_csr: column ", k, " puts expert ", expert, " into hyperedge ",
                      hyperedge, " a second time");
    members.push_back(expert);
  }
  const IncidenceCsr incidence = incidence_csr(graph, hyperedge_index.device());
  return {incidence.node_offsets, incidence.node_hyperedges, incidence.hyperedge_offsets,
          incidence.hyperedge_nodes};
}

at::Tensor mixing(const at::Tensor& node_offsets, const at::Tensor& node_hyperedges,
                  const at::Tensor& hyperedge_offsets, const at::Tensor& hyperedge_nodes,
                  const at::Tensor& weights, std::string_view weighting) {
  const IncidenceCsr incidence{node_offsets, node_hyperedges, hyperedge_offsets, hyperedge_nodes};
  const at::TensorOptions options = at::TensorOptions(weights.device()).dtype(at::kFloat);
  return mixing_matrix(dense_incidence(incidence, options), weights, weighting_named(weighting));
}

at::Tensor convolve(const at::Tensor& x_NED, const at::Tensor& node_offsets,
                    const at::Tensor& node_hyperedges, const at::Tensor& hyperedge_offsets,
                    const at::Tensor& hyperedge_nodes, const at::Tensor& weights,
                    std::string_view weighting, const std::optional<at::Tensor>& theta,
                    const std::optional<at::Tensor>& bias) {
  return hypergraph_conv(x_NED, {node_offsets, node_hyperedges, hyperedge_offsets, hyperedge_nodes},
                         weights, weighting_named(weighting), theta.value_or(at::Tensor()),
                         bias.value_or(at::Tensor()));
}

at::Tensor collapse(const at::Tensor& x_NED, const at::Tensor& mixing, at::TensorList thetas,
                    at::TensorList biases, const std::optional<at::Tensor>& out_weight,
                    const std::optional<at::Tensor>& out_bias) {
  TORCH_CHECK_VALUE(!thetas.empty() && thetas.size() == biases.size(),
                    "collapsed_hypergraph: ", thetas.size(), " thetas and ", biases.size(),
                    " biases, it needs one of each a layer");
  TORCH_CHECK_VALUE(out_weight.has_value() == out_bias.has_value(),
                    "collapsed_hypergraph: out_weight and out_bias are given together or not");
  return collapsed_hypergraph(x_NED, mixing,
                              {thetas.vec(), biases.vec(), out_weight.value_or(at::Tensor()),
                               out_bias.value_or(at::Tensor())},
                              x_NED.scalar_type());
}

}  // namespace

TORCH_LIBRARY_IMPL(hgnn_moe, CompositeImplicitAutograd, m) {
  m.impl("incidence_csr", make_incidence);
  m.impl("mixing_matrix", mixing);
  m.impl("hypergraph_conv", convolve);
  m.impl("collapsed_hypergraph", collapse);
  m.impl("gnn_update", gnn_update);
}

}  // namespace hgnn_moe::ops
