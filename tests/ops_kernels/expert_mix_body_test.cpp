#include "src/ops/cuda/expert_mix_body.h"

#include <gtest/gtest.h>

#include "cuda_bodies.h"

namespace hgnn_moe::ops::cuda {
namespace {

using namespace hgnn_moe::testing;

template <typename Scalar>
class ExpertMixBodies : public CudaBodies<Scalar> {};
TYPED_TEST_SUITE(ExpertMixBodies, Types);

TYPED_TEST(ExpertMixBodies, EqualPlainLoops) {
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
          with_tile<Scalar>(e, d, !shifted, [&](auto tile, auto lanes) {
            const ExpertMixArguments<Scalar> a{static_cast<int>(rows),
                                               static_cast<int>(e),
                                               d,
                                               mixing.data(),
                                               stride,
                                               x.data(),
                                               out.data()};
            run_both_orders<ExpertMixBody<Scalar, tile(), lanes()>, Scalar>(
                a, n, chunk, threads_for(d, lanes()),
                {{out.data(), n * rows * d * sizeof(Scalar)}});
          });
          with_tile<Scalar>(rows, d, !shifted, [&](auto tile, auto lanes) {
            const ExpertMixArguments<Scalar> a{static_cast<int>(e),
                                               static_cast<int>(rows),
                                               d,
                                               transposed_mixing.data(),
                                               stride,
                                               d_out.data(),
                                               d_x.data()};
            run_both_orders<ExpertMixBody<Scalar, tile(), lanes()>, Scalar>(
                a, n, chunk, threads_for(d, lanes()), {{d_x.data(), n * e * d * sizeof(Scalar)}});
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

}  // namespace
}  // namespace hgnn_moe::ops::cuda
