#include "hgnn_moe/ops/collapsed_hypergraph.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/tensors.h"

#include "hgnn_moe/ops/expert_mix.h"
#include "hgnn_moe/ops/hypergraph_conv.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::matches_finite_differences;
using ::hgnn_moe::testing::random_tensor;

// Raw weights of either sign, so that under pyg the scalars of the biases are far from 1.
TEST(CollapsedHypergraph, EqualsTheMeanOfTheLayers) {
  const std::int64_t n = 3, d = 5;
  for (const std::int64_t e : {1, 2, 3, 4, 8, 16}) {
    const Hypergraph graph = complete_uniform_hypergraph(e, e == 1 ? 1 : 2);
    const std::int64_t m = graph.num_hyperedges();
    const at::Tensor incidence = incidence_matrix(graph, at::kDouble);
    for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
      for (const bool per_token : {false, true}) {
        for (const std::int64_t layers : {1, 2, 3}) {
          SCOPED_TRACE(::testing::Message() << "E " << e << ", per token " << per_token << ", G "
                                            << layers << ", " << static_cast<int>(weighting));
          const at::Tensor weights = random_tensor(
              per_token ? std::vector<std::int64_t>{n, m} : std::vector<std::int64_t>{m}, 2);
          const at::Tensor x_NED = random_tensor({n, e, d}, 1);
          const at::Tensor mixing = mixing_matrix(incidence, weights, weighting);
          const CollapsedMixing whole = collapse_mixing(mixing, layers);
          at::Tensor expected_NED = x_NED, actual_ND = expert_readout(whole.readout, x_NED);
          for (std::int64_t g = 0; g < layers; ++g) {
            const at::Tensor theta = random_tensor({d, d}, 10 + g),
                             bias = random_tensor({d}, 20 + g);
            expected_NED =
                hypergraph_conv(expected_NED, incidence, weights, weighting, theta, bias);
            const at::Tensor scale = whole.bias_scales.select(-1, g).unsqueeze(-1);
            actual_ND = at::linear(actual_ND, theta) + scale * bias;
          }
          // The nearly cancelled degrees of raw weights make entries of P up to some hundreds.
          EXPECT_TRUE(close(actual_ND, expected_NED.mean(1), 1e5));
        }
      }
    }
  }
}

TEST(CollapsedHypergraph, GradientsMatchFiniteDifferences) {
  for (const bool per_token : {false, true}) {
    const at::Tensor mixing = per_token ? random_tensor({2, 3, 3}, 1) : random_tensor({3, 3}, 1);
    const auto shape = per_token ? std::vector<std::int64_t>{2, 6} : std::vector<std::int64_t>{6};
    EXPECT_TRUE(matches_finite_differences(
        [](const auto& in) {
          const CollapsedMixing whole = collapse_mixing(in[0], 3);
          return at::cat({whole.readout, whole.bias_scales}, -1);
        },
        {mixing}, random_tensor(shape, 2)));
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
