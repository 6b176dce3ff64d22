#include "src/ops/cuda/hypergraph_mix_body.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "cuda_bodies.h"

namespace hgnn_moe::ops::cuda {
namespace {

using namespace hgnn_moe::testing;

template <typename Scalar>
class HypergraphMixBodies : public CudaBodies<Scalar> {};
TYPED_TEST_SUITE(HypergraphMixBodies, Types);

// Random hyperedges of about a third of the experts; one empty, one full, the last expert of an odd
// number isolated.
PlainHypergraph random_hypergraph(std::int64_t experts) {
  std::mt19937 random(static_cast<unsigned>(experts));
  PlainHypergraph graph{experts, {{}}};
  for (std::int64_t m = 0; m < experts + 1; ++m) {
    graph.hyperedges.emplace_back();
    for (std::int64_t i = 0; i + 1 < experts; ++i) {
      if (random() % 3 == 0) graph.hyperedges.back().push_back(i);
    }
  }
  if (experts % 2 == 0) {
    graph.hyperedges.emplace_back();
    for (std::int64_t i = 0; i < experts; ++i) graph.hyperedges.back().push_back(i);
  }
  return graph;
}

struct Compressed {
  std::vector<std::int64_t> node_offsets{0}, node_hyperedges, hyperedge_offsets{0}, hyperedge_nodes;
};

Compressed compress(const PlainHypergraph& graph) {
  Compressed c;
  for (std::int64_t i = 0; i < graph.experts; ++i) {
    for (std::int64_t m = 0; m < graph.size(); ++m) {
      const auto& members = graph.hyperedges[m];
      if (std::find(members.begin(), members.end(), i) == members.end()) continue;
      c.node_hyperedges.push_back(m);
    }
    c.node_offsets.push_back(static_cast<std::int64_t>(c.node_hyperedges.size()));
  }
  for (const auto& members : graph.hyperedges) {
    c.hyperedge_nodes.insert(c.hyperedge_nodes.end(), members.begin(), members.end());
    c.hyperedge_offsets.push_back(static_cast<std::int64_t>(c.hyperedge_nodes.size()));
  }
  return c;
}

// d_weights of one token from d_mixing, by central differences of sum(P(w) * d_mixing).
Values weight_gradient(const PlainHypergraph& graph, Values w, const double* d_mixing, bool paper) {
  const auto objective = [&](const Values& weights) {
    const Values p = mixing_of(graph, weights.data(), paper);
    double sum = 0;
    for (std::size_t i = 0; i < p.size(); ++i) sum += p[i] * d_mixing[i];
    return sum;
  };
  Values gradient(w.size());
  for (std::size_t m = 0; m < w.size(); ++m) {
    const double h = 1e-5, center = w[m];
    w[m] = center + h;
    const double above = objective(w);
    w[m] = center - h;
    gradient[m] = (above - objective(w)) / (2 * h);
    w[m] = center;
  }
  return gradient;
}

TYPED_TEST(HypergraphMixBodies, EqualPlainLoops) {
  using Scalar = TypeParam;
  using Compute = ComputeOf<Scalar>;
  for (const auto& [n, e, d] : kSizes) {
    if (n > 1000) continue;  // the reference differentiates by differences
    const PlainHypergraph graph = random_hypergraph(e);
    const Compressed csr = compress(graph);
    const std::int64_t m = graph.size();
    for (const bool paper : {false, true}) {
      for (const bool per_token : {false, true}) {
        const bool shifted = paper != per_token;
        SCOPED_TRACE(::testing::Message() << n << " x " << e << " x " << d << ", paper " << paper
                                          << ", per token " << per_token);
        Values positive = random_values(per_token ? n * m : m, 4);
        for (double& w : positive) w = std::abs(w) + 0.2;
        Buffer<Compute> weights(positive, shifted), bias(random_values(d, 5), shifted);
        Buffer<Scalar> x(random_values(n * e * d, 2), shifted), out(n * e * d, shifted);
        Buffer<Scalar> d_out(random_values(n * e * d, 3), shifted), d_x(n * e * d, shifted);
        const std::int64_t chunk = 2, blocks = (n + chunk - 1) / chunk;
        Buffer<Compute> d_weights((per_token ? n : blocks) * m, shifted);
        Buffer<Compute> d_bias(blocks * d, shifted);
        HypergraphMixArguments<Scalar> a{};
        a.experts = static_cast<int>(e);
        a.hyperedges = static_cast<int>(m);
        a.dim = d;
        a.node_offsets = csr.node_offsets.data();
        a.node_hyperedges = csr.node_hyperedges.data();
        a.hyperedge_offsets = csr.hyperedge_offsets.data();
        a.hyperedge_nodes = csr.hyperedge_nodes.data();
        a.weights_in_products = paper;
        a.x = x.data();
        a.weights = weights.data();
        a.weights_stride = per_token ? m : 0;
        a.bias = bias.data();
        a.out = out.data();
        a.d_out = d_out.data();
        a.d_x = d_x.data();
        a.d_weights = d_weights.data();
        a.d_bias = d_bias.data();
        with_tile<Scalar>(e, d, !shifted, [&](auto tile, auto lanes) {
          run_both_orders<HypergraphMixBody<Scalar, tile(), lanes()>, Scalar>(
              a, n, chunk, threads_for(d, lanes()), {{out.data(), n * e * d * sizeof(Scalar)}});
          run_both_orders<HypergraphMixGradientBody<Scalar, tile(), lanes()>, Scalar>(
              a, n, chunk, threads_for(d, lanes()),
              {{d_x.data(), n * e * d * sizeof(Scalar)},
               {d_weights.data(), (per_token ? n : blocks) * m * sizeof(Compute)},
               {d_bias.data(), blocks * d * sizeof(Compute)}});
        });

        const Values w = weights.values(), xs = x.values(), dys = d_out.values();
        Values p, p_transposed, expected_weights;
        const Values products = outer(dys, xs, n, e, e, d);
        for (std::int64_t t = 0; t < n; ++t) {
          const double* own = w.data() + (per_token ? t * m : 0);
          const Values of_token = mixing_of(graph, own, paper);
          p.insert(p.end(), of_token.begin(), of_token.end());
          for (std::int64_t j = 0; j < e; ++j) {
            for (std::int64_t i = 0; i < e; ++i) p_transposed.push_back(of_token[i * e + j]);
          }
          const Values g =
              weight_gradient(graph, Values(own, own + m), products.data() + t * e * e, paper);
          expected_weights.insert(expected_weights.end(), g.begin(), g.end());
        }
        Values expected = mix(p, e * e, xs, n, e, e, d);
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += bias.values()[i % d];
        const auto terms = static_cast<double>(e + m);
        expect_close<Scalar>(out.values(), expected, this->once(terms), "out");
        expect_close<Scalar>(d_x.values(), mix(p_transposed, e * e, dys, n, e, e, d),
                             this->once(terms), "d_x");
        // The differences themselves are good to 1e-8.
        const double weight_terms = sizeof(Compute) == 8 ? 1e8 : static_cast<double>(d) + terms;
        if (per_token) {
          expect_close<Compute>(d_weights.values(), expected_weights, weight_terms, "d_weights");
        } else if (n > 0) {
          expect_close<Compute>(sum_rows(d_weights.values(), m), sum_rows(expected_weights, m),
                                weight_terms, "d_weights");
        }
        expect_close<Compute>(sum_rows(d_bias.values(), d), sum_rows(dys, d),
                              static_cast<double>(n * e), "d_bias");
        EXPECT_TRUE(out.is_intact() && d_x.is_intact() && d_weights.is_intact() &&
                    d_bias.is_intact());
      }
    }
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace hgnn_moe::ops::cuda
