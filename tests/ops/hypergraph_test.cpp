#include "hgnn_moe/ops/hypergraph.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::random_tensor;

const at::TensorOptions kDouble = at::TensorOptions().dtype(at::kDouble);

at::Tensor incidence_of(const Hypergraph& graph) { return incidence_matrix(graph, kDouble); }

TEST(Hypergraph, CompleteHypergraphsAreInLexicographicOrder) {
  const std::vector<std::vector<std::int64_t>> pairs{{0, 1}, {0, 2}, {0, 3},
                                                     {1, 2}, {1, 3}, {2, 3}};
  const std::vector<std::vector<std::int64_t>> triplets{{0, 1, 2}, {0, 1, 3}, {0, 2, 3}, {1, 2, 3}};
  EXPECT_EQ(complete_uniform_hypergraph(4, 2).hyperedges, pairs);
  EXPECT_EQ(complete_uniform_hypergraph(4, 3).hyperedges, triplets);
  EXPECT_EQ(complete_uniform_hypergraph(16, 3).num_hyperedges(), 560);
  EXPECT_EQ(complete_uniform_hypergraph(1, 2).num_hyperedges(), 0);
  EXPECT_EQ(complete_uniform_hypergraph(2, 3).num_hyperedges(), 0);
}

// design: P = lambda I + (1 - lambda) J / E with lambda = (E - k) / (k (E - 1)).
TEST(Hypergraph, UnitWeightsOnACompleteUniformHypergraphInterpolateIdentityAndMean) {
  for (std::int64_t e = 2; e <= 8; ++e) {
    for (std::int64_t k = 2; k <= e; ++k) {
      const at::Tensor h = incidence_of(complete_uniform_hypergraph(e, k));
      const double lambda = static_cast<double>(e - k) / static_cast<double>(k * (e - 1));
      const at::Tensor expected = lambda * at::eye(e, kDouble) +
                                  (1 - lambda) / static_cast<double>(e) * at::ones({e, e}, kDouble);
      for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
        const at::Tensor p = mixing_matrix(h, at::ones({h.size(1)}, kDouble), weighting);
        EXPECT_TRUE(close(p, expected, static_cast<double>(h.size(1)))) << "E " << e << " k " << k;
      }
    }
  }
}

// design: with `paper` and k-uniform hyperedges P_ii = 1/k whatever w is.
TEST(Hypergraph, PaperWeightingHasAConstantDiagonalOnUniformHyperedges) {
  for (std::int64_t k = 2; k <= 4; ++k) {
    const at::Tensor h = incidence_of(complete_uniform_hypergraph(6, k));
    const at::Tensor w = random_tensor({h.size(1)}, 7).abs() + 0.1;
    const at::Tensor p = mixing_matrix(h, w, Weighting::paper);
    EXPECT_TRUE(close(p.diagonal(), at::full({6}, 1.0 / static_cast<double>(k), kDouble), 20));
    EXPECT_TRUE(close(p.sum(1), at::ones({6}, kDouble), 20)) << "rows of P sum to one";
  }
}

TEST(Hypergraph, ANodeInNoHyperedgeHasAZeroRow) {
  const at::Tensor h = incidence_of({4, {{0, 1}, {1, 2}, {}}});
  const at::Tensor p = mixing_matrix(h, random_tensor({3}, 3), Weighting::pyg);
  EXPECT_EQ(p[3].abs().max().item<double>(), 0.0);
  EXPECT_GT(p[0].abs().max().item<double>(), 0.0);
}

TEST(Hypergraph, CancelledAndZeroDegreesGiveZeroRowsAndFiniteGradients) {
  const at::Tensor h = incidence_of({3, {{0, 1}, {0, 2}}});
  for (const auto& values : {std::vector<double>{1.0, -1.0}, std::vector<double>{0.0, 0.0},
                             std::vector<double>{0.1 + 0.2, -0.3}}) {
    const at::Tensor w = at::tensor(values, kDouble);
    for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
      const auto p = [&](const std::vector<at::Tensor>& in) {
        return mixing_matrix(h, in[0], weighting);
      };
      EXPECT_EQ(p({w})[0].abs().max().item<double>(), 0.0);
      const at::Tensor gradient = gradients(p, {w}, at::ones({3, 3}, kDouble))[0];
      EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << gradient;
    }
  }
}

TEST(Hypergraph, SmallButRealDegreesAreNotTakenForNoise) {
  const at::Tensor h = incidence_of({3, {{0, 1}, {0, 2}}});
  const at::Tensor w = at::tensor({1.0, -1.0 + 1e-9}, kDouble);
  const at::Tensor p = mixing_matrix(h, w, Weighting::pyg);
  EXPECT_GT(p[0].abs().max().item<double>(), 1e8);
  EXPECT_NEAR(smallest_relative_degree(h, w), 0.5e-9, 1e-12);
}

TEST(Hypergraph, WeightsPerTokenGiveTheMatrixOfEveryToken) {
  const at::Tensor h = incidence_of(complete_uniform_hypergraph(5, 3));
  const at::Tensor w = random_tensor({7, h.size(1)}, 11).abs() + 0.1;
  for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
    const at::Tensor all = mixing_matrix(h, w, weighting);
    for (std::int64_t n = 0; n < 7; ++n) {
      EXPECT_TRUE(close(all[n], mixing_matrix(h, w[n], weighting), 10)) << "token " << n;
    }
  }
}

TEST(Hypergraph, DegreesAreComputedInFloat32ForBfloat16Weights) {
  const at::Tensor h = incidence_of(complete_uniform_hypergraph(16, 2)).to(at::kBFloat16);
  const at::Tensor p = mixing_matrix(h, at::ones({120}, at::kBFloat16), Weighting::pyg);
  EXPECT_EQ(p.scalar_type(), at::kFloat);
  EXPECT_TRUE(close(p.sum(1), at::ones({16}, at::kFloat), 120));
}

}  // namespace
}  // namespace hgnn_moe::ops
