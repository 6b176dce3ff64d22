// Operators that are made of others, for callers from Python: no kernels of their own.
#include <algorithm>
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

// Throws ValueError unless `tensor` has the shape; a negative size stands for any.
void check_shape(const char* operation, const char* what, const at::Tensor& tensor,
                 std::initializer_list<c10::SymInt> shape) {
  bool fits = tensor.dim() == static_cast<std::int64_t>(shape.size());
  std::int64_t d = 0;
  for (const c10::SymInt& size : shape) {
    fits = fits && (size < 0 || tensor.sym_size(d) == size);
    ++d;
  }
  TORCH_CHECK_VALUE(fits, operation, ": ", what, " has the shape ", tensor.sym_sizes(),
                    ", it needs ", c10::SymIntArrayRef(shape.begin(), shape.size()),
                    " (-1: any size)");
}

// And its type and device must be those of x.
void check_like(const char* operation, const char* what, const at::Tensor& tensor,
                const at::Tensor& x_NED, std::initializer_list<c10::SymInt> shape) {
  check_shape(operation, what, tensor, shape);
  TORCH_CHECK_VALUE(
      tensor.scalar_type() == x_NED.scalar_type() && tensor.device() == x_NED.device(), operation,
      ": ", what, " is ", tensor.scalar_type(), " on ", tensor.device(), ", it needs ",
      x_NED.scalar_type(), " on ", x_NED.device());
}

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
  TORCH_CHECK_VALUE((weights.dim() == 1 || weights.dim() == 2) &&
                        weights.sym_size(-1) == hyperedge_offsets.sym_size(0) - 1,
                    "mixing_matrix: weights have the shape ", weights.sym_sizes(),
                    ", they need [M] or [N, M] of ", hyperedge_offsets.sym_size(0) - 1,
                    " hyperedges");
  const at::TensorOptions options = at::TensorOptions(weights.device()).dtype(at::kFloat);
  return mixing_matrix(dense_incidence(incidence, options), weights, weighting_named(weighting));
}

at::Tensor convolve(const at::Tensor& x_NED, const at::Tensor& node_offsets,
                    const at::Tensor& node_hyperedges, const at::Tensor& hyperedge_offsets,
                    const at::Tensor& hyperedge_nodes, const at::Tensor& weights,
                    std::string_view weighting, const std::optional<at::Tensor>& theta,
                    const std::optional<at::Tensor>& bias) {
  check_shape("hypergraph_conv", "x", x_NED, {-1, -1, -1});
  const c10::SymInt dim = x_NED.sym_size(2);
  if (theta.has_value()) check_like("hypergraph_conv", "theta", *theta, x_NED, {-1, dim});
  if (bias.has_value()) {
    check_shape("hypergraph_conv", "bias", *bias, {theta.has_value() ? theta->sym_size(0) : dim});
  }
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
  check_shape("collapsed_hypergraph", "x", x_NED, {-1, -1, -1});
  const c10::SymInt experts = x_NED.sym_size(1);
  if (mixing.dim() == 3) {
    check_shape("collapsed_hypergraph", "mixing", mixing, {x_NED.sym_size(0), experts, experts});
  } else {
    check_shape("collapsed_hypergraph", "mixing", mixing, {experts, experts});
  }
  const c10::SymInt dim = x_NED.sym_size(2);
  for (std::size_t g = 0; g < thetas.size(); ++g) {
    check_like("collapsed_hypergraph", "a theta", thetas[g], x_NED, {dim, dim});
    check_like("collapsed_hypergraph", "a bias", biases[g], x_NED, {dim});
  }
  if (out_weight.has_value()) {
    check_like("collapsed_hypergraph", "out_weight", *out_weight, x_NED, {-1, dim});
    check_like("collapsed_hypergraph", "out_bias", *out_bias, x_NED, {out_weight->sym_size(0)});
  }
  return collapsed_hypergraph(x_NED, mixing,
                              {thetas.vec(), biases.vec(), out_weight.value_or(at::Tensor()),
                               out_bias.value_or(at::Tensor())},
                              x_NED.scalar_type());
}

at::Tensor update(const at::Tensor& x_NED, const at::Tensor& message_NED,
                  const at::Tensor& self_weight, const at::Tensor& self_bias,
                  const at::Tensor& neighbor_weight, const at::Tensor& neighbor_bias) {
  check_shape("gnn_update", "x", x_NED, {-1, -1, -1});
  const c10::SymInt dim = x_NED.sym_size(2);
  check_like("gnn_update", "message", message_NED, x_NED,
             {x_NED.sym_size(0), x_NED.sym_size(1), dim});
  for (const at::Tensor* weight : {&self_weight, &neighbor_weight}) {
    check_like("gnn_update", "a weight", *weight, x_NED, {dim, dim});
  }
  for (const at::Tensor* bias : {&self_bias, &neighbor_bias}) {
    check_like("gnn_update", "a bias", *bias, x_NED, {dim});
  }
  return gnn_update(x_NED, message_NED, self_weight, self_bias, neighbor_weight, neighbor_bias);
}

}  // namespace

TORCH_LIBRARY_IMPL(hgnn_moe, CompositeImplicitAutograd, m) {
  m.impl("incidence_csr", make_incidence);
  m.impl("mixing_matrix", mixing);
  m.impl("hypergraph_conv", convolve);
  m.impl("collapsed_hypergraph", collapse);
  m.impl("gnn_update", update);
}

}  // namespace hgnn_moe::ops
