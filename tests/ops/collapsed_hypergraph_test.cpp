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

// Both orders of the products: n > d multiplies the weights first.
class CollapsedHypergraphByTokens : public ::testing::TestWithParam<std::int64_t> {};

// Raw weights of either sign, so that under pyg the scalars of the biases are far from 1.
TEST_P(CollapsedHypergraphByTokens, EqualsTheMeanOfTheLayersThroughTheLinear) {
  const std::int64_t n = GetParam(), d = 5;
  for (const std::int64_t e : {1, 2, 3, 4, 8, 16}) {
    const Hypergraph graph = complete_uniform_hypergraph(e, e == 1 ? 1 : 2);
    const std::int64_t m = graph.num_hyperedges();
    for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
      for (const bool per_token : {false, true}) {
        for (const std::int64_t num_layers : {1, 2, 3}) {
          SCOPED_TRACE(::testing::Message() << "E " << e << ", per token " << per_token << ", G "
                                            << num_layers << ", " << static_cast<int>(weighting));
          const at::Tensor weights = random_tensor(
              per_token ? std::vector<std::int64_t>{n, m} : std::vector<std::int64_t>{m}, 2);
          const at::Tensor x_NED = random_tensor({n, e, d}, 1);
          at::Tensor expected_NED = x_NED;
          CollapsedLayers layers;
          for (std::int64_t g = 0; g < num_layers; ++g) {
            layers.thetas_DD.push_back(random_tensor({d, d}, 10 + g));
            layers.biases_D.push_back(random_tensor({d}, 20 + g));
            expected_NED = hypergraph_conv(expected_NED, incidence_csr(graph, at::kCPU), weights,
                                           weighting, layers.thetas_DD[g], layers.biases_D[g]);
          }
          const at::Tensor mixing =
              mixing_matrix(incidence_matrix(graph, at::kDouble), weights, weighting);
          // The nearly cancelled degrees of raw weights make entries of P up to some hundreds.
          const at::Tensor mean_ND = expected_NED.mean(1);
          EXPECT_TRUE(
              close(collapsed_hypergraph(x_NED, mixing, layers, at::kDouble), mean_ND, 1e5));
          layers.out_weight_DD = random_tensor({d, d}, 30);
          layers.out_bias_D = random_tensor({d}, 31);
          EXPECT_TRUE(close(collapsed_hypergraph(x_NED, mixing, layers, at::kDouble),
                            at::linear(mean_ND, layers.out_weight_DD, layers.out_bias_D), 1e5));
        }
      }
    }
  }
}

// bfloat16 in, bfloat16 out, whichever way the products go.
TEST_P(CollapsedHypergraphByTokens, Bfloat16StaysBfloat16) {
  const std::int64_t n = GetParam(), d = 5;
  CollapsedLayers layers;
  for (std::int64_t g = 0; g < 2; ++g) {
    layers.thetas_DD.push_back(random_tensor({d, d}, 10 + g).to(at::kBFloat16));
    layers.biases_D.push_back(random_tensor({d}, 20 + g).to(at::kBFloat16));
  }
  layers.out_weight_DD = random_tensor({d, d}, 30).to(at::kBFloat16);
  layers.out_bias_D = random_tensor({d}, 31).to(at::kBFloat16);
  const at::Tensor mixing = at::full({3, 3}, 1.0 / 3, at::kFloat);
  const at::Tensor x_NED = random_tensor({n, 3, d}, 1).to(at::kBFloat16);
  const at::Tensor out = collapsed_hypergraph(x_NED, mixing, layers, at::kBFloat16);
  CollapsedLayers exact = layers;
  for (auto* tensors : {&exact.thetas_DD, &exact.biases_D}) {
    for (at::Tensor& tensor : *tensors) tensor = tensor.to(at::kDouble);
  }
  exact.out_weight_DD = layers.out_weight_DD.to(at::kDouble);
  exact.out_bias_D = layers.out_bias_D.to(at::kDouble);
  const at::Tensor expected = collapsed_hypergraph(
      x_NED.to(at::kDouble), at::full({3, 3}, 1.0 / 3, at::kDouble), exact, at::kDouble);
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(close(out, expected, 1));
}

INSTANTIATE_TEST_SUITE_P(Tokens, CollapsedHypergraphByTokens, ::testing::Values(3, 7));

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
