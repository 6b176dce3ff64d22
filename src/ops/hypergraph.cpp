#include "hgnn_moe/ops/hypergraph.h"

#include <algorithm>
#include <limits>

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

// 0 where the sum that made `denominator` is rounding noise against `magnitude`, the same sum of
// absolute values; its derivative is 0 there too, because the unsafe branch is never evaluated.
at::Tensor safe_reciprocal(const at::Tensor& denominator, const at::Tensor& magnitude) {
  const double epsilon = denominator.scalar_type() == at::kDouble
                             ? std::numeric_limits<double>::epsilon()
                             : std::numeric_limits<float>::epsilon();
  const at::Tensor noise = denominator.detach().abs() <= magnitude.detach() * (8 * epsilon);
  const at::Tensor reciprocal = denominator.masked_fill(noise, 1.0).reciprocal();
  return reciprocal.masked_fill(noise, 0.0);
}

// Rows of different lengths, one after the other.
struct Compressed {
  std::vector<std::int64_t> offsets{0}, indices;
};

Compressed compress(const std::vector<std::vector<std::int64_t>>& rows) {
  Compressed compressed;
  for (const auto& row : rows) {
    compressed.indices.insert(compressed.indices.end(), row.begin(), row.end());
    compressed.offsets.push_back(static_cast<std::int64_t>(compressed.indices.size()));
  }
  return compressed;
}

}  // namespace

Hypergraph complete_uniform_hypergraph(std::int64_t num_experts, std::int64_t k) {
  Hypergraph graph{num_experts, {}};
  if (k > num_experts || k < 1) return graph;
  std::vector<std::int64_t> members(static_cast<std::size_t>(k));
  for (std::int64_t i = 0; i < k; ++i) members[i] = i;
  while (true) {
    graph.hyperedges.push_back(members);
    // The next combination in lexicographic order: raise the last index that can be raised.
    std::int64_t position = k - 1;
    while (position >= 0 && members[position] == num_experts - k + position) --position;
    if (position < 0) return graph;
    ++members[position];
    for (std::int64_t i = position + 1; i < k; ++i) members[i] = members[i - 1] + 1;
  }
}

at::Tensor incidence_matrix(const Hypergraph& graph, const at::TensorOptions& options) {
  at::Tensor incidence_EM = at::zeros({graph.num_experts, graph.num_hyperedges()}, at::kDouble);
  auto access = incidence_EM.accessor<double, 2>();
  for (std::int64_t m = 0; m < graph.num_hyperedges(); ++m) {
    for (const std::int64_t expert : graph.hyperedges[m]) {
      HGNN_MOE_ASSERT(expert >= 0 && expert < graph.num_experts, "hyperedge {}, expert {}", m,
                      expert);
      access[expert][m] = 1.0;
    }
  }
  return incidence_EM.to(options);
}

IncidenceCsr incidence_csr(const Hypergraph& graph, const at::Device& device) {
  std::vector<std::vector<std::int64_t>> nodes(graph.hyperedges.size());
  std::vector<std::vector<std::int64_t>> hyperedges(static_cast<std::size_t>(graph.num_experts));
  for (std::size_t m = 0; m < graph.hyperedges.size(); ++m) {
    nodes[m] = graph.hyperedges[m];
    std::sort(nodes[m].begin(), nodes[m].end());
    for (const std::int64_t expert : nodes[m]) {
      HGNN_MOE_ASSERT(expert >= 0 && expert < graph.num_experts, "hyperedge {}, expert {}", m,
                      expert);
      hyperedges[expert].push_back(static_cast<std::int64_t>(m));
    }
  }
  const Compressed by_node = compress(hyperedges), by_hyperedge = compress(nodes);
  const auto tensor = [&](const std::vector<std::int64_t>& values) {
    return at::tensor(values, at::kLong).to(device);
  };
  return {tensor(by_node.offsets), tensor(by_node.indices), tensor(by_hyperedge.offsets),
          tensor(by_hyperedge.indices)};
}

at::Tensor dense_incidence(const IncidenceCsr& incidence, const at::TensorOptions& options) {
  const at::Tensor sizes_E = incidence.node_offsets.diff();
  const at::Tensor nodes = at::repeat_interleave(
      sizes_E, std::optional<std::int64_t>(incidence.node_hyperedges.size(0)));
  at::Tensor incidence_EM =
      at::zeros({incidence.num_experts(), incidence.num_hyperedges()}, options);
  return incidence_EM.index_put_({nodes, incidence.node_hyperedges}, at::ones({}, options));
}

at::Tensor mixing_matrix(const at::Tensor& incidence_EM, const at::Tensor& weights,
                         Weighting weighting) {
  HGNN_MOE_ASSERT(weights.size(-1) == incidence_EM.size(1), "{} weights, {} hyperedges",
                  weights.size(-1), incidence_EM.size(1));
  const at::ScalarType type = weights.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor h_EM = incidence_EM.to(type);
  const at::Tensor w = weights.to(type);
  // Under both weightings P is diag(1/d) S; matmul with h^T also serves weights [N, M].
  const at::Tensor degree = at::matmul(w, h_EM.t());
  const at::Tensor inverse_degree = safe_reciprocal(degree, at::matmul(w.abs(), h_EM.t()));
  const at::Tensor beta_M = h_EM.sum(0);
  const at::Tensor inverse_beta_M = safe_reciprocal(beta_M, beta_M);
  at::Tensor spread;
  if (weighting == Weighting::pyg) {
    spread = at::matmul(h_EM * inverse_beta_M, h_EM.t());
  } else {
    spread = at::matmul(h_EM * (w * inverse_beta_M).unsqueeze(-2), h_EM.t());
  }
  return inverse_degree.unsqueeze(-1) * spread;
}

double smallest_relative_degree(const at::Tensor& incidence_EM, const at::Tensor& weights_M) {
  const at::Tensor h_EM = incidence_EM.to(at::kDouble);
  const at::Tensor w_M = weights_M.detach().to(at::kDouble);
  const at::Tensor degree_E = at::mv(h_EM, w_M).abs();
  const at::Tensor magnitude_E = at::mv(h_EM, w_M.abs());
  const at::Tensor connected_E = h_EM.sum(1) > 0;
  const at::Tensor ratio_E =
      at::where(connected_E, degree_E / magnitude_E.clamp_min(1e-300), at::ones_like(degree_E));
  return ratio_E.numel() == 0 ? 1.0 : ratio_E.min().item<double>();
}

}  // namespace hgnn_moe::ops
