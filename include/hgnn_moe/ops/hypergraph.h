// Static hypergraphs over E experts and the mixing matrix P that they define.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

namespace hgnn_moe::ops {

// Hyperedges as lists of distinct expert indices in [0, num_experts), in the order of their
// weights.
struct Hypergraph {
  std::int64_t num_experts = 0;
  std::vector<std::vector<std::int64_t>> hyperedges;

  std::int64_t num_hyperedges() const { return static_cast<std::int64_t>(hyperedges.size()); }
};

// All subsets of k experts in lexicographic order; none where k > num_experts.
Hypergraph complete_uniform_hypergraph(std::int64_t num_experts, std::int64_t k);

// Where the hyperedge weights w enter P = diag(1/d) H diag(.) H^T.
enum class Weighting {
  pyg,    // diag(1/beta): in the degrees d alone, as torch_geometric's HypergraphConv computes
  paper,  // diag(w/beta): as Bai, Zhang, Torr (arXiv 1901.08150) define it
};

// H [E, M] with H_im = 1 where expert i is in hyperedge m, else 0.
at::Tensor incidence_matrix(const Hypergraph& graph, const at::TensorOptions& options);

// The incidence of a hypergraph, compressed both ways; all int64 on one device.
struct IncidenceCsr {
  at::Tensor node_offsets;       // [E + 1]: node i's hyperedges stand from [i] up to [i + 1] ...
  at::Tensor node_hyperedges;    // [nnz]: ... here, ascending
  at::Tensor hyperedge_offsets;  // [M + 1], and the members of each hyperedge
  at::Tensor hyperedge_nodes;    // [nnz], ascending

  std::int64_t num_experts() const { return node_offsets.size(0) - 1; }
  std::int64_t num_hyperedges() const { return hyperedge_offsets.size(0) - 1; }
};

// H compressed both ways, on `device`. Hyperedges may be empty and experts in none.
IncidenceCsr incidence_csr(const Hypergraph& graph, const at::Device& device);

// H [E, M] of it.
at::Tensor dense_incidence(const IncidenceCsr& incidence, const at::TensorOptions& options);

// P [E, E] for weights [M], or [N, E, E] for weights per token [N, M], where graph n reads row n.
// d_i = sum_m H_im w_m, beta_m = sum_i H_im. 1/d_i and its derivative are 0 where
// |d_i| <= 8 eps sum_m H_im |w_m| (d is then rounding noise), 1/beta_m is 0 for an empty
// hyperedge. Computed in float32 or better; differentiable in the weights.
at::Tensor mixing_matrix(const at::Tensor& incidence_EM, const at::Tensor& weights,
                         Weighting weighting);

// The smallest |d_i| / sum_m H_im |w_m| over the nodes that are in a hyperedge: below 1e-3 a
// degree is nearly cancelled and P is ill-conditioned. 1 where there is no such node.
double smallest_relative_degree(const at::Tensor& incidence_EM, const at::Tensor& weights_M);

}  // namespace hgnn_moe::ops
