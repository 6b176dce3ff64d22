#include "hgnn_moe/ops/hypergraph_conv.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/tensors.h"

#include "hgnn_moe/base/json.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::golden_names;
using ::hgnn_moe::testing::GoldenFile;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::matches_finite_differences;
using ::hgnn_moe::testing::random_tensor;
using ::hgnn_moe::testing::read_golden;

struct Case {
  std::string name;
  Hypergraph graph;
};

// Every strategy at E experts, and an irregular hypergraph with an isolated expert.
std::vector<Case> strategies(std::int64_t e) {
  std::vector<Case> cases{{"all_pairs", complete_uniform_hypergraph(e, 2)},
                          {"all_triplets", complete_uniform_hypergraph(e, 3)},
                          {"all", complete_uniform_hypergraph(e, e)}};
  if (e >= 4) cases.push_back({"irregular", {e, {{0, 1}, {1, 2, 3}, {}, {1}}}});
  return cases;
}

// x, weights, theta and bias of N tokens; positive weights keep degrees away from zero.
std::vector<at::Tensor> make_inputs(std::int64_t n, const Hypergraph& graph, std::int64_t d,
                                    bool per_token, at::ScalarType type) {
  const std::int64_t m = graph.num_hyperedges();
  const at::Tensor weights =
      per_token ? random_tensor({n, m}, 2).abs() + 0.2 : random_tensor({m}, 2).abs() + 0.2;
  std::vector<at::Tensor> inputs{random_tensor({n, graph.num_experts, d}, 1), weights,
                                 random_tensor({d, d}, 3), random_tensor({d}, 4)};
  for (at::Tensor& input : inputs) input = input.to(type);
  return inputs;
}

template <typename Convolution, typename Incidence>
auto convolution(Convolution convolve, const Incidence& incidence, Weighting weighting) {
  return [=](const std::vector<at::Tensor>& in) {
    return convolve(in[0], incidence, in[1], weighting, in[2], in[3]);
  };
}

// Longest sums: D terms of Theta, M of a degree, E of a mix, N of a shared weight's gradient.
double longest_sum(std::int64_t n, const Hypergraph& graph, std::int64_t d) {
  return static_cast<double>(n * graph.num_experts + d + graph.num_hyperedges());
}

void expect_batched_equals_sequential(const Case& item, std::int64_t n, std::int64_t d,
                                      Weighting weighting, bool per_token, at::ScalarType type) {
  SCOPED_TRACE(::testing::Message()
               << item.name << ", E " << item.graph.num_experts << ", weighting "
               << static_cast<int>(weighting) << ", per token " << per_token << ", " << type);
  const auto inputs = make_inputs(n, item.graph, d, per_token, type);
  const at::Tensor incidence = incidence_matrix(item.graph, inputs[0].options());
  const auto batched = convolution(hypergraph_conv, incidence_csr(item.graph, at::kCPU), weighting);
  const auto sequential = convolution(hypergraph_conv_reference, incidence, weighting);
  const double terms = longest_sum(n, item.graph, d);
  EXPECT_TRUE(close(batched(inputs), sequential(inputs), terms));
  const at::Tensor cotangent = random_tensor({n, item.graph.num_experts, d}, 5).to(type);
  const auto actual = gradients(batched, inputs, cotangent);
  const auto expected = gradients(sequential, inputs, cotangent);
  const char* names[] = {"x", "weights", "theta", "bias"};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_TRUE(close(actual[i], expected[i], terms)) << "gradient of " << names[i];
  }
}

class HypergraphConvByExperts : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(HypergraphConvByExperts, BatchedEqualsSequential) {
  const std::int64_t e = GetParam();
  const std::int64_t tokens = e > 8 ? 2 : 3;
  for (const Case& item : strategies(e)) {
    for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
      for (const bool per_token : {false, true}) {
        for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
          expect_batched_equals_sequential(item, tokens, 5, weighting, per_token, type);
        }
      }
    }
  }
}

// Few experts: an objective is computed twice for each element of every input.
class HypergraphConvFiniteDifferences : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(HypergraphConvFiniteDifferences, MatchTheGradients) {
  const std::int64_t e = GetParam();
  for (const Case& item : strategies(e)) {
    for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
      for (const bool per_token : {false, true}) {
        SCOPED_TRACE(item.name);
        const auto inputs = make_inputs(2, item.graph, 3, per_token, at::kDouble);
        const IncidenceCsr incidence = incidence_csr(item.graph, at::kCPU);
        EXPECT_TRUE(matches_finite_differences(convolution(hypergraph_conv, incidence, weighting),
                                               inputs, random_tensor({2, e, 3}, 5)));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Experts, HypergraphConvByExperts,
                         ::testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 16));
INSTANTIATE_TEST_SUITE_P(Experts, HypergraphConvFiniteDifferences,
                         ::testing::Values(1, 2, 3, 4, 5));

// Weights per token: the row of one token reaches its own graph and no other.
TEST(HypergraphConv, ATokensWeightsReachOnlyThatToken) {
  const Hypergraph graph = complete_uniform_hypergraph(5, 2);  // M = 10 > E = 5
  const auto inputs = make_inputs(6, graph, 4, true, at::kDouble);
  const auto f = convolution(hypergraph_conv, incidence_csr(graph, at::kCPU), Weighting::pyg);
  auto changed = inputs;
  changed[1] = inputs[1].clone();
  changed[1][2].mul_(at::arange(1, 11, inputs[1].options()));
  const at::Tensor difference = (f(changed) - f(inputs)).abs().amax({1, 2});
  for (std::int64_t n = 0; n < 6; ++n) {
    EXPECT_EQ(difference[n].item<double>() > 1e-6, n == 2) << "token " << n;
  }
}

Hypergraph golden_graph(const GoldenFile& golden) {
  return {std::stoll(golden.metadata.at("num_experts")),
          parse_json(golden.metadata.at("hyperedges"), "golden", ExitCode::data)
              .get<std::vector<std::vector<std::int64_t>>>()};
}

TEST(HypergraphConv, EqualsPyTorchGeometricOneTokenAtATime) {
  for (const std::string& name : golden_names("op-hypergraph-")) {
    SCOPED_TRACE(name);
    const GoldenFile golden = read_golden(name);
    const Weighting weighting =
        golden.metadata.at("weighting") == "pyg" ? Weighting::pyg : Weighting::paper;
    const std::vector<at::Tensor> inputs{golden.at("x"), golden.at("weights"), golden.at("theta"),
                                         golden.at("bias")};
    const Hypergraph graph = golden_graph(golden);
    const at::Tensor incidence = incidence_matrix(graph, inputs[0].options());
    EXPECT_TRUE(close(mixing_matrix(incidence, inputs[1], weighting), golden.at("mixing"), 100));
    const auto f = convolution(hypergraph_conv, incidence_csr(graph, at::kCPU), weighting);
    EXPECT_TRUE(close(f(inputs), golden.at("output"), 100));
    const auto actual = gradients(f, inputs, golden.at("output_cotangent"));
    const char* names[] = {"grad.x", "grad.weights", "grad.theta", "grad.bias"};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_TRUE(close(actual[i], golden.at(names[i]), 200)) << names[i];
    }
  }
}

TEST(HypergraphConv, NoTokensGiveAnEmptyResult) {
  const Hypergraph graph = complete_uniform_hypergraph(3, 2);
  const auto inputs = make_inputs(0, graph, 4, false, at::kDouble);
  const IncidenceCsr incidence = incidence_csr(graph, at::kCPU);
  const at::Tensor y = convolution(hypergraph_conv, incidence, Weighting::pyg)(inputs);
  EXPECT_EQ(y.sizes(), at::IntArrayRef({0, 3, 4}));
}

}  // namespace
}  // namespace hgnn_moe::ops
