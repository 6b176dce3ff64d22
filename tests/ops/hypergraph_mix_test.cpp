#include "hgnn_moe/ops/hypergraph_mix.h"

#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/ops/hypergraph_mix_kernels.h"
#include "tests/support/tensors.h"

#include "hgnn_moe/ops/expert_mix.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::matches_finite_differences;
using ::hgnn_moe::testing::random_tensor;

// Expert 3 is in no hyperedge, the third hyperedge is empty, the last holds one expert alone.
const Hypergraph kIrregular{5, {{0, 1}, {4, 1, 2}, {}, {1}}};

HypergraphMixInputs make_inputs(const Hypergraph& graph, std::int64_t tokens, std::int64_t dim,
                                bool per_token, Weighting weighting, at::ScalarType type) {
  const std::int64_t m = graph.num_hyperedges();
  const auto compute = type == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor weights =
      (per_token ? random_tensor({tokens, m}, 2) : random_tensor({m}, 2)).abs() + 0.2;
  return {random_tensor({tokens, graph.num_experts, dim}, 1).to(type),
          incidence_csr(graph, at::kCPU), weights.to(compute), weighting,
          random_tensor({dim}, 3).to(compute)};
}

// Every instruction set against the plain ATen form in float64, both weightings, shared and per
// token.
class HypergraphMixByIsa : public ::testing::TestWithParam<CpuIsa> {
 protected:
  template <typename Check>
  static void for_each_input(std::int64_t tokens, std::int64_t dim, Check check) {
    for (const Hypergraph& graph :
         {kIrregular, complete_uniform_hypergraph(4, 2), complete_uniform_hypergraph(8, 3)}) {
      for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
        for (const bool per_token : {false, true}) {
          for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
            SCOPED_TRACE(::testing::Message()
                         << "E " << graph.num_experts << ", M " << graph.num_hyperedges()
                         << ", weighting " << static_cast<int>(weighting) << ", per token "
                         << per_token << ", " << type);
            check(make_inputs(graph, tokens, dim, per_token, weighting, type));
          }
        }
      }
    }
  }
};

TEST_P(HypergraphMixByIsa, EqualsTheDenseProduct) {
  for (const auto& [tokens, dim] : {std::pair(7, 37), std::pair(1, 384), std::pair(600, 65)}) {
    for_each_input(tokens, dim, [&](const HypergraphMixInputs& in) {
      const at::Tensor h_EM = dense_incidence(in.incidence, at::kDouble);
      const at::Tensor mixing = mixing_matrix(h_EM, in.weights.to(at::kDouble), in.weighting);
      const at::Tensor expected =
          expert_mix_reference(mixing, in.x_NED.to(at::kDouble)) + in.bias_D.to(at::kDouble);
      at::Tensor out = at::empty_like(in.x_NED);
      hypergraph_mix_cpu(GetParam(), in, out);
      const bool rounded_once = in.x_NED.scalar_type() == at::kBFloat16;
      const double terms = rounded_once ? 1 : 10;
      EXPECT_TRUE(close(out, expected, terms));

      const at::Tensor d_out = random_tensor(out.sizes(), 4).to(out.scalar_type());
      HypergraphMixInputs exact = in;
      exact.x_NED = in.x_NED.to(at::kDouble);
      exact.weights = in.weights.to(at::kDouble);
      exact.bias_D = in.bias_D.to(at::kDouble);
      const auto wanted = hypergraph_mix_gradient_aten(exact, d_out.to(at::kDouble));
      const auto actual = hypergraph_mix_gradient_cpu(GetParam(), in, d_out);
      EXPECT_TRUE(close(actual.x_NED, wanted.x_NED, terms));
      EXPECT_TRUE(close(actual.weights, wanted.weights, static_cast<double>(dim)));
      EXPECT_TRUE(close(actual.bias_D, wanted.bias_D, 30));
    });
  }
}

// What stands before and behind the outputs stays as it was, at addresses of no alignment.
TEST_P(HypergraphMixByIsa, WritesNothingOutsideItsOutputs) {
  for (const std::int64_t dim : {1, 15, 33, 64}) {
    for_each_input(5, dim, [&](const HypergraphMixInputs& in) {
      const std::int64_t size = in.x_NED.numel();
      const at::Tensor buffer = at::full({size + 66}, 77.0, in.x_NED.options());
      at::Tensor out = buffer.narrow(0, 33, size).view(in.x_NED.sizes());
      hypergraph_mix_cpu(GetParam(), in, out);
      EXPECT_TRUE(buffer.narrow(0, 0, 33).eq(77.0).all().item<bool>());
      EXPECT_TRUE(buffer.narrow(0, 33 + size, 33).eq(77.0).all().item<bool>());
      EXPECT_FALSE(out.eq(77.0).any().item<bool>());
    });
  }
}

TEST_P(HypergraphMixByIsa, NotANumberStaysInItsToken) {
  for_each_input(9, 37, [&](const HypergraphMixInputs& in) {
    in.x_NED[4].fill_(std::numeric_limits<double>::quiet_NaN());
    at::Tensor out = at::empty_like(in.x_NED);
    hypergraph_mix_cpu(GetParam(), in, out);
    const at::Tensor d_out = at::ones_like(out);
    d_out[6].fill_(std::numeric_limits<double>::quiet_NaN());
    const auto d = hypergraph_mix_gradient_cpu(GetParam(), in, d_out);
    for (std::int64_t n = 0; n < 9; ++n) {
      EXPECT_EQ(out[n].isnan().any().item<bool>(), n == 4) << n;
      EXPECT_EQ(d.x_NED[n].isnan().any().item<bool>(), n == 6) << n;
      if (in.weights.dim() == 2) {
        EXPECT_EQ(d.weights[n].isnan().any().item<bool>(), n == 4 || n == 6) << n;
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Isa, HypergraphMixByIsa, ::testing::ValuesIn(available_cpu_isas()));

// The plain form that serves what no kernel does, against autograd through the dense P.
TEST(HypergraphMix, PlainGradientsEqualThoseOfTheDenseProduct) {
  for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
    for (const bool per_token : {false, true}) {
      const auto in = make_inputs(kIrregular, 6, 7, per_token, weighting, at::kDouble);
      const at::Tensor h_EM = dense_incidence(in.incidence, at::kDouble);
      const at::Tensor d_out = random_tensor(in.x_NED.sizes(), 4);
      const auto expected = gradients(
          [&](const auto& v) {
            return expert_mix_reference(mixing_matrix(h_EM, v[1], weighting), v[0]) + v[2];
          },
          {in.x_NED, in.weights, in.bias_D}, d_out);
      const auto actual = hypergraph_mix_gradient_aten(in, d_out);
      EXPECT_TRUE(close(actual.x_NED, expected[0], 10));
      EXPECT_TRUE(close(actual.weights, expected[1], 100));
      EXPECT_TRUE(close(actual.bias_D, expected[2], 100));
    }
  }
}

TEST(HypergraphMix, WithoutABiasItIsTheProductAlone) {
  const auto in = make_inputs(kIrregular, 6, 7, false, Weighting::pyg, at::kDouble);
  const auto with = [&](const at::Tensor& bias_D) {
    return [&in, bias_D](const auto& v) {
      return hypergraph_mix(v[0], in.incidence, v[1], in.weighting, bias_D);
    };
  };
  const std::vector<at::Tensor> inputs{in.x_NED, in.weights};
  const at::Tensor zero_D = at::zeros({7}, at::kDouble), d_out = random_tensor({6, 5, 7}, 4);
  EXPECT_TRUE(at::equal(with({})(inputs), with(zero_D)(inputs)));
  const auto without = gradients(with({}), inputs, d_out);
  const auto zero = gradients(with(zero_D), inputs, d_out);
  EXPECT_TRUE(at::equal(without[0], zero[0]) && at::equal(without[1], zero[1]));
}

TEST(HypergraphMix, GradientsMatchFiniteDifferences) {
  for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
    for (const bool per_token : {false, true}) {
      const auto in = make_inputs(kIrregular, 3, 2, per_token, weighting, at::kDouble);
      EXPECT_TRUE(matches_finite_differences(
          [&](const auto& v) { return hypergraph_mix(v[0], in.incidence, v[1], weighting, v[2]); },
          {in.x_NED, in.weights, in.bias_D}, random_tensor(in.x_NED.sizes(), 4)));
    }
  }
}

// d = w_0 + w_1 = 0 up to rounding: 1/d and its derivative are 0 there, so nothing is infinite.
TEST(HypergraphMix, ACancelledDegreeGivesTheBiasAndNoGradient) {
  const Hypergraph graph{3, {{0, 1}, {0, 2}}};
  const IncidenceCsr csr = incidence_csr(graph, at::kCPU);
  const at::Tensor x = random_tensor({4, 3, 5}, 1), bias = random_tensor({5}, 3);
  for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
    for (const double size : {0.0, 0.3}) {
      const at::Tensor w = at::tensor({size, -size}, at::kDouble);
      const auto f = [&](const auto& v) {
        return hypergraph_mix(v[0], csr, v[1], weighting, bias);
      };
      EXPECT_TRUE(at::equal(f(std::vector<at::Tensor>{x, w}).select(1, 0), bias.expand({4, 5})));
      const auto d = gradients(f, {x, w}, random_tensor(x.sizes(), 4));
      EXPECT_TRUE(d[0].isfinite().all().item<bool>() && d[1].isfinite().all().item<bool>());
    }
  }
}

TEST(HypergraphMix, TenRunsGiveTheSameBits) {
  const auto in =
      make_inputs(complete_uniform_hypergraph(4, 2), 5000, 48, false, Weighting::paper, at::kFloat);
  const at::Tensor d_out = random_tensor(in.x_NED.sizes(), 4).to(at::kFloat);
  const auto f = [&](const auto& v) {
    return hypergraph_mix(v[0], in.incidence, v[1], in.weighting, v[2]);
  };
  const std::vector<at::Tensor> inputs{in.x_NED, in.weights, in.bias_D};
  const auto first = gradients(f, inputs, d_out);
  for (int run = 1; run < 10; ++run) {
    const auto again = gradients(f, inputs, d_out);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_TRUE(at::equal(again[i], first[i])) << "run " << run << ", input " << i;
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
