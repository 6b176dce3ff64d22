#include "src/ops/cuda/gnn_message_body.h"

#include <cmath>

#include <gtest/gtest.h>

#include "cuda_bodies.h"

namespace hgnn_moe::ops::cuda {
namespace {

using namespace hgnn_moe::testing;

template <typename Scalar>
class GnnMessageBodies : public CudaBodies<Scalar> {};
TYPED_TEST_SUITE(GnnMessageBodies, Types);

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

TYPED_TEST(GnnMessageBodies, EqualPlainLoops) {
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
      with_tile<Scalar>(e, d, !shifted, [&](auto tile, auto lanes) {
        run_both_orders<GnnMessageBody<Scalar, tile(), lanes()>, Scalar>(
            a, n, chunk, threads_for(d, lanes()), {{out.data(), n * e * d * sizeof(Scalar)}});
        run_both_orders<GnnMessageGradientBody<Scalar, tile(), lanes()>, Scalar>(
            a, n, chunk, threads_for(d, lanes()),
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
