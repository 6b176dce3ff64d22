#include "src/ops/cuda/hgt_attention_body.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "cuda_bodies.h"

namespace hgnn_moe::ops::cuda {
namespace {

using namespace hgnn_moe::testing;
using Numbers = std::vector<std::int32_t>;

// A relation's edges from both ends. Row p of a list stands in row 2 p + 1 of its side's tensors.
struct Side {
  Numbers rows, offsets, neighbours;

  EdgeList list() const { return {rows.data(), offsets.data(), neighbours.data()}; }
  std::int64_t count() const { return static_cast<std::int64_t>(rows.size()); }
};
struct Edges {
  Side destinations, sources;
};

// Degrees of destinations around a tile of 32 edges; every source has an edge.
Edges make_edges(const Numbers& degrees, std::int32_t sources) {
  std::mt19937 engine(3);
  std::vector<Numbers> to(static_cast<std::size_t>(sources));
  Edges edges;
  edges.destinations.offsets = edges.sources.offsets = {0};
  for (std::size_t p = 0; p < degrees.size(); ++p) {
    Numbers from;
    for (std::int32_t e = 0; e < degrees[p]; ++e) {
      from.push_back(e == 0 ? static_cast<std::int32_t>(p) % sources
                            : static_cast<std::int32_t>(engine() % sources));
    }
    std::sort(from.begin(), from.end());
    for (const std::int32_t s : from) to[s].push_back(static_cast<std::int32_t>(p));
    auto& side = edges.destinations;
    side.rows.push_back(2 * static_cast<std::int32_t>(p) + 1);
    side.neighbours.insert(side.neighbours.end(), from.begin(), from.end());
    side.offsets.push_back(static_cast<std::int32_t>(side.neighbours.size()));
  }
  for (std::int32_t s = 0; s < sources; ++s) {
    auto& side = edges.sources;
    side.rows.push_back(2 * s + 1);
    side.neighbours.insert(side.neighbours.end(), to[s].begin(), to[s].end());
    side.offsets.push_back(static_cast<std::int32_t>(side.neighbours.size()));
  }
  return edges;
}

double dot(const Values& x, std::int64_t first, const Values& y, std::int64_t second, int dim) {
  double sum = 0;
  for (int d = 0; d < dim; ++d) sum += x[first + d] * y[second + d];
  return sum;
}

struct EdgeSizes {
  Numbers degrees;
  std::int32_t sources;
  int heads, dim;
};
const EdgeSizes kSizesOfEdges[] = {
    {{1}, 1, 1, 1}, {{3, 1, 32, 33, 64, 100, 2}, 5, 3, 5}, {{40, 7, 1, 1}, 4, 8, 16}};

template <typename Scalar>
class HgtAttentionBodies : public ::testing::Test {};
using FullTypes = ::testing::Types<double, float>;
TYPED_TEST_SUITE(HgtAttentionBodies, FullTypes);

TYPED_TEST(HgtAttentionBodies, EqualPlainLoops) {
  using Scalar = TypeParam;
  for (const EdgeSizes& s : kSizesOfEdges) {
    for (const int threads : {32, 96}) {
      const Edges edges = make_edges(s.degrees, s.sources);
      const auto n = edges.destinations.count(), m = edges.sources.count();
      const std::int64_t nodes = 2 * n + 1, features = s.heads * s.dim;
      Buffer<Scalar> query(random_values(nodes * features, 1), true),
          d_out(random_values(nodes * features, 2), true);
      Buffer<Scalar> key(random_values(m * features, 3), true),
          value_of(random_values(m * features, 4), true), scale(Values(s.heads, 0.1), true);
      // As if another relation had been there before.
      Buffer<Scalar> maximum(random_values(nodes * s.heads, 5), true),
          sum(Values(nodes * s.heads, 1.5), true), total(random_values(nodes * features, 6), true);
      const Values maximum_before = maximum.values(), total_before = total.values();

      // run_both_orders needs outputs that are written, not added to: each order has its own copy.
      for (const ThreadOrder order : {ThreadOrder::ascending, ThreadOrder::descending}) {
        Buffer<Scalar> now_maximum(maximum_before, true), now_sum(sum.values(), true),
            now_total(total_before, true);
        const HgtAttendArguments<Scalar> a{s.heads,
                                           s.dim,
                                           edges.destinations.list(),
                                           query.data(),
                                           key.data(),
                                           value_of.data(),
                                           scale.data(),
                                           now_maximum.data(),
                                           now_sum.data(),
                                           now_total.data()};
        launch_on_host<HgtAttendBody<Scalar>>(a, n, 1, threads, order);
        const Values q = query.values(), k = key.values(), v = value_of.values();
        Values expected = total_before, actual = now_total.values();
        const Values sums = now_sum.values(), largest = now_maximum.values();
        Values normalised(expected.size());
        for (std::int64_t i = 0; i < nodes; ++i) {
          for (int h = 0; h < s.heads; ++h) {
            const std::int64_t at = (i * s.heads + h) * s.dim;
            const double before = std::exp(maximum_before[i * s.heads + h]);
            double weight = 1.5 * before;
            for (int d = 0; d < s.dim; ++d) expected[at + d] *= before;
            for (std::int32_t e = i % 2 == 1 ? edges.destinations.offsets[i / 2] : 0;
                 i % 2 == 1 && e < edges.destinations.offsets[i / 2 + 1]; ++e) {
              const std::int64_t from = (edges.destinations.neighbours[e] * s.heads + h) * s.dim;
              const double p = std::exp(scale.values()[h] * dot(q, at, k, from, s.dim));
              weight += p;
              for (int d = 0; d < s.dim; ++d) expected[at + d] += p * v[from + d];
            }
            for (int d = 0; d < s.dim; ++d) {
              expected[at + d] /= weight;
              normalised[at + d] = actual[at + d] / sums[i * s.heads + h];
            }
            EXPECT_NEAR(std::log(weight),
                        largest[i * s.heads + h] + std::log(sums[i * s.heads + h]),
                        100 * kEpsilon<Scalar>);
          }
        }
        expect_close<Scalar>(normalised, expected, 20 + s.dim, "out");
        EXPECT_TRUE(now_total.is_intact() && now_sum.is_intact() && now_maximum.is_intact());
      }

      // Above all scores, as a log-sum-exp is.
      Buffer<Scalar> log_sum_exp(Values(nodes * s.heads, 2.0), true),
          delta(random_values(nodes * s.heads, 7), true);
      for (const bool by_destination : {true, false}) {
        const Side& own = by_destination ? edges.destinations : edges.sources;
        const Side& other = by_destination ? edges.sources : edges.destinations;
        Buffer<Scalar> d_score(own.count() * features, true),
            d_message(own.count() * features, true);
        const HgtGradientArguments<Scalar> a{s.heads,
                                             s.dim,
                                             own.list(),
                                             by_destination,
                                             by_destination ? query.data() : key.data(),
                                             by_destination ? d_out.data() : value_of.data(),
                                             other.rows.data(),
                                             by_destination ? key.data() : query.data(),
                                             by_destination ? value_of.data() : d_out.data(),
                                             scale.data(),
                                             log_sum_exp.data(),
                                             delta.data(),
                                             d_score.data(),
                                             d_message.data()};
        const auto bytes = static_cast<std::size_t>(own.count() * features) * sizeof(Scalar);
        run_both_orders<HgtGradientBody<Scalar>, Scalar>(
            a, own.count(), 1, threads, {{d_score.data(), bytes}, {d_message.data(), bytes}});
        const Values q = query.values(), k = key.values(), v = value_of.values();
        const Values dy = d_out.values(), deltas = delta.values();
        Values scores(own.count() * features), messages(own.count() * features);
        for (std::int64_t i = 0; i < n; ++i) {
          for (std::int32_t e = edges.destinations.offsets[i];
               e < edges.destinations.offsets[i + 1]; ++e) {
            const std::int64_t j = edges.destinations.neighbours[e], row = 2 * i + 1;
            for (int h = 0; h < s.heads; ++h) {
              const std::int64_t to = (row * s.heads + h) * s.dim, from = (j * s.heads + h) * s.dim;
              const double p = std::exp(scale.values()[h] * dot(q, to, k, from, s.dim) - 2.0);
              const double ds = p * (dot(dy, to, v, from, s.dim) - deltas[row * s.heads + h]);
              const std::int64_t at = ((by_destination ? i : j) * s.heads + h) * s.dim;
              for (int d = 0; d < s.dim; ++d) {
                scores[at + d] += ds * (by_destination ? k[from + d] : q[to + d]);
                messages[at + d] += p * (by_destination ? v[from + d] : dy[to + d]);
              }
            }
          }
        }
        expect_close<Scalar>(d_score.values(), scores, 20 + s.dim, "d_score");
        expect_close<Scalar>(d_message.values(), messages, 20 + s.dim, "d_message");
        EXPECT_TRUE(d_score.is_intact() && d_message.is_intact());
      }
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::ops::cuda
