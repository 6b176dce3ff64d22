// The bodies of the CUDA kernels, run on the CPU by host_launch.h: indices, tails, offsets and the
// order of phases, where no GPU is. Threads go up in one run and down in the other: a difference
// means that a phase reads what another thread of it writes.
#include <algorithm>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>

#include "plain_reference.h"
#include "src/ops/cuda/expert_mix_body.h"
#include "src/ops/cuda/gnn_message_body.h"
#include "src/ops/cuda/host_launch.h"
#include "src/ops/cuda/hypergraph_mix_body.h"

namespace hgnn_moe::ops::cuda {
namespace {

using namespace hgnn_moe::testing;

constexpr double kSentinel = 77.0;

template <typename Scalar>
constexpr double kEpsilon = sizeof(Scalar) == 8   ? 2.3e-16
                            : sizeof(Scalar) == 4 ? 1.2e-7
                                                  : 0.0079;

// Elements between sentinels, at an address that is a multiple of 16 bytes or, `shifted`, of the
// element size alone.
template <typename Scalar>
class Buffer {
 public:
  Buffer(std::size_t count, bool shifted) : count_(count), memory_(count + 2 * kGuard + 1) {
    for (Scalar& s : memory_) assign(s, static_cast<ComputeOf<Scalar>>(kSentinel));
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data() + kGuard);
    first_ = kGuard - address % 16 / sizeof(Scalar) + (shifted ? 1 : 0);
  }
  Buffer(const Values& values, bool shifted) : Buffer(values.size(), shifted) {
    for (std::size_t i = 0; i < count_; ++i) {
      assign(data()[i], static_cast<ComputeOf<Scalar>>(values[i]));
    }
  }

  Scalar* data() { return memory_.data() + first_; }
  Values values() {
    Values out(count_);
    for (std::size_t i = 0; i < count_; ++i) out[i] = value(data()[i]);
    return out;
  }
  bool is_intact() {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      const bool inside = i >= first_ && i < first_ + count_;
      if (!inside && value(memory_[i]) != kSentinel) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 16;
  std::size_t count_, first_;
  std::vector<Scalar> memory_;
};

// Within rounding of sums of `terms` terms of size 1.
template <typename Scalar>
void expect_close(const Values& actual, const Values& expected, double terms, const char* what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  double magnitude = 1.0;
  for (const double v : expected) magnitude = std::max(magnitude, std::abs(v));
  const double tolerance = 4 * terms * kEpsilon<Scalar> * magnitude;
  std::size_t worst = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (!(std::abs(actual[i] - expected[i]) <= std::abs(actual[worst] - expected[worst])))
      worst = i;
  }
  if (actual.empty()) return;
  EXPECT_LE(std::abs(actual[worst] - expected[worst]), tolerance)
      << what << " [" << worst << "]: " << actual[worst] << " instead of " << expected[worst];
}

struct Sizes {
  std::int64_t tokens, experts, dim;
};

// Every number of experts that a tile serves exactly and its neighbours, tails of every pack.
const std::vector<Sizes> kSizes{{0, 4, 8},    {1, 1, 1},    {3, 1, 64},  {5, 2, 7},   {7, 3, 3},
                                {13, 4, 384}, {2, 5, 1000}, {3, 6, 64},  {3, 7, 24},  {5, 8, 384},
                                {2, 9, 7},    {2, 16, 384}, {3, 17, 64}, {2, 32, 64}, {2, 33, 8},
                                {1, 64, 64},  {70001, 2, 3}};

// `out` of one run with threads going up, which a second one, going down, must repeat to the bit.
template <typename Body, typename Scalar>
void run_both_orders(typename Body::Arguments arguments, std::int64_t tokens, std::int64_t chunk,
                     int threads, const std::vector<std::pair<void*, std::size_t>>& outputs) {
  launch_on_host<Body>(arguments, tokens, chunk, threads, ThreadOrder::ascending);
  std::vector<std::vector<char>> first;
  for (const auto& [data, bytes] : outputs) {
    const char* begin = static_cast<const char*>(data);
    first.emplace_back(begin, begin + bytes);
  }
  launch_on_host<Body>(arguments, tokens, chunk, threads, ThreadOrder::descending);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (first[i].empty()) continue;
    EXPECT_EQ(std::memcmp(outputs[i].first, first[i].data(), first[i].size()), 0)
        << "output " << i << " depends on the order of threads";
  }
}

template <typename Scalar>
class CudaBodies : public ::testing::Test {
 protected:
  static constexpr int kLanes = 16 / static_cast<int>(sizeof(Scalar));

  // Calls check(tile, lanes) with the constants that the launcher would choose.
  template <typename Check>
  static void with_tile(std::int64_t experts, std::int64_t dim, bool shifted, Check check) {
    using std::integral_constant;
    if (shifted || dim % kLanes != 0) {
      check(integral_constant<int, 0>{}, integral_constant<int, 1>{});
    } else if (experts <= 4) {
      check(integral_constant<int, 4>{}, integral_constant<int, kLanes>{});
    } else if (experts <= 8) {
      check(integral_constant<int, 8>{}, integral_constant<int, kLanes>{});
    } else if (experts <= 16) {
      check(integral_constant<int, 16>{}, integral_constant<int, kLanes>{});
    } else if (experts <= 32) {
      check(integral_constant<int, 32>{}, integral_constant<int, std::min(kLanes, 4)>{});
    } else {
      check(integral_constant<int, 0>{}, integral_constant<int, kLanes>{});
    }
  }

  static double once(double terms) { return sizeof(Scalar) == 2 ? 1 : terms; }
};

using Types = ::testing::Types<double, float, Bf16>;
TYPED_TEST_SUITE(CudaBodies, Types);

TYPED_TEST(CudaBodies, ExpertMix) {
  using Scalar = TypeParam;
  using Compute = ComputeOf<Scalar>;
  for (const auto& [n, e, d] : kSizes) {
    for (const std::int64_t rows : {e, std::int64_t{1}, e + 3}) {
      for (const bool per_token : {false, true}) {
        for (const bool shifted : {false, true}) {
          SCOPED_TRACE(::testing::Message() << n << " x " << e << " x " << d << ", rows " << rows
                                            << ", per token " << per_token << ", " << shifted);
          const std::int64_t stride = per_token ? rows * e : 0;
          Buffer<Compute> mixing(random_values(per_token ? n * rows * e : rows * e, 1), shifted);
          Buffer<Scalar> x(random_values(n * e * d, 2), shifted), out(n * rows * d, shifted);
          Buffer<Scalar> d_out(random_values(n * rows * d, 3), shifted), d_x(n * e * d, shifted);
          const Values k = mixing.values();
          Values transposed(k.size());
          for (std::size_t p = 0; p < k.size(); ++p) {
            const std::size_t token = p / (rows * e), i = p % (rows * e) / e, j = p % e;
            transposed[token * rows * e + j * rows + i] = k[p];
          }
          Buffer<Compute> transposed_mixing(transposed, shifted);
          const std::int64_t chunk = 3, blocks = (n + chunk - 1) / chunk;
          Buffer<Compute> d_mixing((per_token ? n : blocks) * rows * e, shifted);
          this->with_tile(e, d, shifted, [&](auto tile, auto lanes) {
            const ExpertMixArguments<Scalar> a{static_cast<int>(rows),
                                               static_cast<int>(e),
                                               d,
                                               mixing.data(),
                                               stride,
                                               x.data(),
                                               out.data()};
            run_both_orders<ExpertMixBody<Scalar, tile(), lanes()>, Scalar>(
                a, n, chunk, 64, {{out.data(), n * rows * d * sizeof(Scalar)}});
          });
          this->with_tile(rows, d, shifted, [&](auto tile, auto lanes) {
            const ExpertMixArguments<Scalar> a{static_cast<int>(e),
                                               static_cast<int>(rows),
                                               d,
                                               transposed_mixing.data(),
                                               stride,
                                               d_out.data(),
                                               d_x.data()};
            run_both_orders<ExpertMixBody<Scalar, tile(), lanes()>, Scalar>(
                a, n, chunk, 96, {{d_x.data(), n * e * d * sizeof(Scalar)}});
          });
          const ExpertMixGradientArguments<Scalar> g{static_cast<int>(rows),
                                                     static_cast<int>(e),
                                                     d,
                                                     d_out.data(),
                                                     x.data(),
                                                     d_mixing.data(),
                                                     per_token};
          run_both_orders<ExpertMixGradientBody<Scalar>, Scalar>(
              g, n, chunk, 128, {{d_mixing.data(), d_mixing.values().size() * sizeof(Compute)}});

          const Values xs = x.values(), dys = d_out.values();
          expect_close<Scalar>(out.values(), mix(k, stride, xs, n, rows, e, d),
                               this->once(static_cast<double>(e)), "out");
          expect_close<Scalar>(d_x.values(), mix(transposed, stride, dys, n, e, rows, d),
                               this->once(static_cast<double>(rows)), "d_x");
          const Values products = outer(dys, xs, n, rows, e, d);
          if (per_token) {
            expect_close<Compute>(d_mixing.values(), products, static_cast<double>(d), "d_mixing");
          } else {
            expect_close<Compute>(sum_rows(d_mixing.values(), rows * e),
                                  sum_rows(products, rows * e), static_cast<double>(d + n),
                                  "d_mixing");
          }
          EXPECT_TRUE(out.is_intact() && d_x.is_intact() && d_mixing.is_intact());
        }
      }
    }
    if (::testing::Test::HasFailure()) return;
  }
}

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

TYPED_TEST(CudaBodies, HypergraphMix) {
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
        this->with_tile(e, d, shifted, [&](auto tile, auto lanes) {
          run_both_orders<HypergraphMixBody<Scalar, tile(), lanes()>, Scalar>(
              a, n, chunk, 64, {{out.data(), n * e * d * sizeof(Scalar)}});
          run_both_orders<HypergraphMixGradientBody<Scalar, tile(), lanes()>, Scalar>(
              a, n, chunk, 96,
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

// The objective sum(K(x) x * d_out) of every token, for differences.
double message_objective(const Values& x, const Values& weight, double bias,
                         const Values& adjacency, const Values& d_out, std::int64_t n,
                         std::int64_t e, std::int64_t d) {
  double sum = 0;
  for (std::int64_t t = 0; t < n; ++t) {
    const Values token(x.begin() + t * e * d, x.begin() + (t + 1) * e * d);
    const Values out =
        mix(gates_of(token.data(), weight, bias, adjacency, e, d), 0, token, 1, e, e, d);
    for (std::int64_t i = 0; i < e * d; ++i) sum += out[i] * d_out[t * e * d + i];
  }
  return sum;
}

TYPED_TEST(CudaBodies, GnnMessage) {
  using Scalar = TypeParam;
  using Compute = ComputeOf<Scalar>;
  for (const auto& [n, e, d] : kSizes) {
    if (n > 1000) continue;
    for (const bool shifted : {false, true}) {
      SCOPED_TRACE(::testing::Message() << n << " x " << e << " x " << d << ", " << shifted);
      Values scaled = random_values(2 * d, 1);
      for (double& w : scaled) w /= std::sqrt(static_cast<double>(d));
      Values open = random_values(e * e, 6);
      for (double& v : open) v = sigmoid(v);
      Buffer<Compute> weight(scaled, shifted), bias(Values{0.3}, shifted), adjacency(open, shifted);
      Buffer<Scalar> x(random_values(n * e * d, 2), shifted), out(n * e * d, shifted);
      Buffer<Scalar> d_out(random_values(n * e * d, 3), shifted), d_x(n * e * d, shifted);
      const std::int64_t chunk = 2, blocks = (n + chunk - 1) / chunk;
      Buffer<Compute> d_weight(blocks * 2 * d, shifted), d_bias(blocks, shifted),
          d_adjacency(blocks * e * e, shifted);
      const GnnMessageArguments<Scalar> a{static_cast<int>(e),
                                          d,
                                          x.data(),
                                          weight.data(),
                                          bias.data(),
                                          adjacency.data(),
                                          out.data(),
                                          d_out.data(),
                                          d_x.data(),
                                          d_weight.data(),
                                          d_bias.data(),
                                          d_adjacency.data()};
      this->with_tile(e, d, shifted, [&](auto tile, auto lanes) {
        run_both_orders<GnnMessageBody<Scalar, tile(), lanes()>, Scalar>(
            a, n, chunk, 64, {{out.data(), n * e * d * sizeof(Scalar)}});
        run_both_orders<GnnMessageGradientBody<Scalar, tile(), lanes()>, Scalar>(
            a, n, chunk, 96,
            {{d_x.data(), n * e * d * sizeof(Scalar)},
             {d_weight.data(), blocks * 2 * d * sizeof(Compute)},
             {d_bias.data(), blocks * sizeof(Compute)},
             {d_adjacency.data(), blocks * e * e * sizeof(Compute)}});
      });

      const Values xs = x.values(), ws = weight.values(), as = adjacency.values();
      const Values dys = d_out.values();
      const double c = bias.values()[0];
      Values k;
      for (std::int64_t t = 0; t < n; ++t) {
        const Values of_token = gates_of(xs.data() + t * e * d, ws, c, as, e, d);
        k.insert(k.end(), of_token.begin(), of_token.end());
      }
      const auto terms = static_cast<double>(e) + std::sqrt(static_cast<double>(d));
      expect_close<Scalar>(out.values(), mix(k, e * e, xs, n, e, e, d), this->once(terms), "out");
      EXPECT_TRUE(out.is_intact() && d_x.is_intact() && d_weight.is_intact() &&
                  d_bias.is_intact() && d_adjacency.is_intact());
      if (n == 0 || n * e * d > 2000) continue;  // differences take an objective an element
      const auto difference = [&](const Values& values, auto objective) {
        Values gradient(values.size()), moved = values;
        for (std::size_t i = 0; i < values.size(); ++i) {
          const double h = 1e-5;
          moved[i] = values[i] + h;
          const double above = objective(moved);
          moved[i] = values[i] - h;
          gradient[i] = (above - objective(moved)) / (2 * h);
          moved[i] = values[i];
        }
        return gradient;
      };
      // The differences themselves are good to 1e-7 of the objective.
      const double rough = sizeof(Compute) == 8 ? 1e10 : static_cast<double>(n * e * d);
      expect_close<Scalar>(
          d_x.values(),
          difference(
              xs, [&](const Values& v) { return message_objective(v, ws, c, as, dys, n, e, d); }),
          sizeof(Scalar) == 2   ? 1
          : sizeof(Scalar) == 8 ? 1e8
                                : rough,
          "d_x");
      expect_close<Compute>(
          sum_rows(d_weight.values(), 2 * d),
          difference(
              ws, [&](const Values& v) { return message_objective(xs, v, c, as, dys, n, e, d); }),
          sizeof(Compute) == 8 ? 1e8 : rough, "d_weight");
      expect_close<Compute>(sum_rows(d_bias.values(), 1),
                            difference({c},
                                       [&](const Values& v) {
                                         return message_objective(xs, ws, v[0], as, dys, n, e, d);
                                       }),
                            sizeof(Compute) == 8 ? 1e8 : rough, "d_bias");
      expect_close<Compute>(
          sum_rows(d_adjacency.values(), e * e),
          difference(
              as, [&](const Values& v) { return message_objective(xs, ws, c, v, dys, n, e, d); }),
          sizeof(Compute) == 8 ? 1e8 : rough, "d_adjacency");
    }
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace hgnn_moe::ops::cuda
