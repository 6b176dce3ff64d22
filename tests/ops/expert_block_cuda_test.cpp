// The bodies of the CUDA kernels of expert blocks, with their launches, run on the CPU.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/ops/expert_block_launch.h"
#include "tests/ops/expert_block_cases.h"
#include "tests/ops/host_launcher.h"

#include "hgnn_moe/ops/counter_dropout.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;

// Fewer than the CPU's kernels have: a thread at a time is slow.
void for_each_body_case(const std::vector<double>& rates,
                        const std::function<void(const BlockCase&)>& check) {
  for (const auto& [tokens, experts, dim] :
       {std::tuple{1, 1, 1}, {13, 3, 7}, {19, 2, 48}, {300, 2, 20}, {5, 2, 1030}, {9, 1, 516}}) {
    for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
      for (const double rate : rates) {
        SCOPED_TRACE(::testing::Message() << "N " << tokens << ", E " << experts << ", D " << dim
                                          << ", " << type << ", rate " << rate);
        check({tokens, experts, dim, type, rate});
      }
    }
  }
}

ExpertDropout make_dropout(const BlockCase& c) {
  std::vector<std::uint64_t> keys;
  for (std::int64_t e = 0; e < c.experts; ++e) keys.push_back(0xf23456789abcdef0u + 77 * e);
  return {c.rate, dropout_keys(keys), at::arange(c.tokens, at::kLong).remainder(7),
          at::arange(c.tokens, at::kLong).div(7, "floor") + 3999999990};
}

// As allocators hand them out: kernels take whole packs where dim allows it.
at::Tensor output(at::IntArrayRef shape, at::ScalarType type) {
  return at::full(shape, 77.0, type);
}

// Both orders of threads give the same bits.
template <typename Call>
void in_both_orders(Call call, const std::vector<at::Tensor>& outputs) {
  std::vector<at::Tensor> first;
  for (const cuda::ThreadOrder order : kThreadOrders) {
    HostLauncher launcher{order};
    call(launcher);
    if (order == cuda::ThreadOrder::ascending) {
      for (const at::Tensor& tensor : outputs) first.push_back(tensor.clone());
    }
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_TRUE(at::equal(outputs[i], first[i])) << "output " << i << " depends on the order";
  }
}

NormStatistics statistics_like(at::IntArrayRef shape, at::ScalarType type) {
  return {output(shape, type), output(shape, type)};
}

TEST(ExpertBlockBodies, NormAndItsGradient) {
  for_each_body_case({0.0}, [](const BlockCase& c) {
    const at::Tensor x = random_input({c.tokens, c.dim}, 1, c.state(), 2.0) + 3.0;
    NormOutputs out{output(x.sizes(), c.type), statistics_like({c.tokens}, c.state())};
    in_both_orders([&](HostLauncher& launcher) { cuda::launch_norm(x, out, launcher); },
                   {out.xhat_ND, out.statistics_N.mean});
    NormOutputs expected{output(x.sizes(), at::kDouble), statistics_like({c.tokens}, at::kDouble)};
    norm_aten(x.to(at::kDouble), expected);
    EXPECT_TRUE(close(out.xhat_ND, expected.xhat_ND, terms_of(c.type, 50)));
    EXPECT_TRUE(close(out.statistics_N.mean, expected.statistics_N.mean, 50));
    EXPECT_TRUE(close(out.statistics_N.reciprocal_deviation,
                      expected.statistics_N.reciprocal_deviation, 50));
    for (const at::ScalarType type : {c.type, c.state()}) {
      const at::Tensor d_xhat = random_input(x.sizes(), 2, type);
      at::Tensor d_x = random_input(x.sizes(), 3, c.state()), start = d_x.clone();
      const NormGradientInputs in{d_xhat, x, out.statistics_N};
      in_both_orders(
          [&](HostLauncher& launcher) {
            d_x.copy_(start);
            cuda::launch_norm_gradient(in, d_x, launcher);
          },
          {d_x});
      at::Tensor d_expected = start.to(at::kDouble);
      norm_gradient_aten({d_xhat.to(at::kDouble), x.to(at::kDouble), expected.statistics_N},
                         d_expected);
      EXPECT_TRUE(close(d_x, d_expected, 200));
    }
  });
}

struct ResidualNormCase {
  ResidualNormInputs in;
  at::Tensor d_h, d_z;

  explicit ResidualNormCase(const BlockCase& c)
      : in{random_input({c.tokens, c.dim}, 1, c.state()),
           random_input({c.tokens, c.experts, c.dim}, 2, c.type),
           random_input({c.experts, c.dim}, 3, c.state()),
           random_input({c.experts, c.dim}, 4, c.state()),
           random_input({c.experts, c.dim}, 5, c.state())},
        d_h(random_input({c.tokens, c.experts, c.dim}, 6, c.state())),
        d_z(random_input({c.tokens, c.experts, c.dim}, 7, c.type)) {}
};

ResidualNormOutputs residual_outputs(const BlockCase& c, at::ScalarType type,
                                     at::ScalarType state) {
  const std::vector<std::int64_t> shape{c.tokens, c.experts, c.dim};
  return {output(shape, state), output(shape, type), statistics_like({c.tokens, c.experts}, state)};
}

ResidualNormGradients residual_gradients(const BlockCase& c, at::ScalarType type,
                                         at::ScalarType state) {
  const std::vector<std::int64_t> columns{c.experts, c.dim};
  return {output({c.tokens, c.experts, c.dim}, type), output({c.tokens, c.dim}, state),
          output(columns, state), output(columns, state), output(columns, state)};
}

TEST(ExpertBlockBodies, ResidualNormAndItsGradient) {
  const auto exact = [](const at::Tensor& x) { return x.to(at::kDouble); };
  for_each_body_case({0.0}, [&](const BlockCase& c) {
    const ResidualNormCase data(c);
    const ResidualNormInputs& in = data.in;
    ResidualNormOutputs out = residual_outputs(c, c.type, c.state());
    in_both_orders([&](HostLauncher& launcher) { cuda::launch_residual_norm(in, out, launcher); },
                   {out.h_NED, out.z_NED});
    ResidualNormOutputs expected = residual_outputs(c, at::kDouble, at::kDouble);
    residual_norm_aten(
        {exact(in.x_ND), exact(in.y_NED), exact(in.bias_ED), exact(in.gamma_ED), exact(in.beta_ED)},
        expected);
    EXPECT_TRUE(close(out.h_NED, expected.h_NED, 4));
    EXPECT_TRUE(close(out.z_NED, expected.z_NED, terms_of(c.type, 50)));
    EXPECT_TRUE(close(out.statistics_NE.mean, expected.statistics_NE.mean, 50));

    ResidualNormInputs with_own_y = in;
    ResidualNormOutputs over_y = residual_outputs(c, c.type, c.state());
    with_own_y.y_NED = over_y.z_NED;
    in_both_orders(
        [&](HostLauncher& launcher) {
          over_y.z_NED.copy_(in.y_NED);
          cuda::launch_residual_norm(with_own_y, over_y, launcher);
        },
        {over_y.h_NED, over_y.z_NED});
    EXPECT_TRUE(at::equal(over_y.z_NED, out.z_NED)) << "over y";

    ResidualNormGradients d = residual_gradients(c, c.type, c.state());
    const ResidualNormGradientInputs d_in{data.d_h, data.d_z, out.h_NED, out.statistics_NE,
                                          in.gamma_ED};
    in_both_orders(
        [&](HostLauncher& launcher) {
          d.d_x_ND.fill_(3.0);
          cuda::launch_residual_norm_gradient(d_in, d, launcher);
        },
        {d.d_y_NED, d.d_x_ND, d.d_bias_ED, d.d_gamma_ED, d.d_beta_ED});
    ResidualNormGradients wanted = residual_gradients(c, at::kDouble, at::kDouble);
    wanted.d_x_ND.fill_(3.0);
    residual_norm_gradient_aten({exact(data.d_h), exact(data.d_z), expected.h_NED,
                                 expected.statistics_NE, exact(in.gamma_ED)},
                                wanted);
    EXPECT_TRUE(close(d.d_y_NED, wanted.d_y_NED, terms_of(c.type, 200)));
    EXPECT_TRUE(close(d.d_x_ND, wanted.d_x_ND, 200));
    EXPECT_TRUE(close(d.d_bias_ED, wanted.d_bias_ED, 200));
    EXPECT_TRUE(close(d.d_gamma_ED, wanted.d_gamma_ED, 200));
    EXPECT_TRUE(close(d.d_beta_ED, wanted.d_beta_ED, 200));
  });
}

TEST(ExpertBlockBodies, GeluDropoutAndItsGradient) {
  for_each_body_case({0.0, 0.3}, [](const BlockCase& c) {
    const std::vector<std::int64_t> shape{c.tokens, c.experts, c.dim};
    const GeluDropoutInputs in{random_input(shape, 1, c.type, 0.8),
                               random_input({c.experts, c.dim}, 2, c.state(), 0.5),
                               make_dropout(c)};
    const GeluDropoutInputs exact{in.u_NEF.to(at::kDouble), in.bias_EF.to(at::kDouble), in.dropout};
    at::Tensor g = output(shape, c.type), expected = output(shape, at::kDouble);
    in_both_orders([&](HostLauncher& launcher) { cuda::launch_gelu_dropout(in, g, launcher); },
                   {g});
    gelu_dropout_aten(exact, expected);
    EXPECT_TRUE(close(g, expected, terms_of(c.type, 8)));
    EXPECT_TRUE(has_zeros_of(g, expected)) << "another mask";

    const at::Tensor d_g = random_input(shape, 3, c.type);
    GeluDropoutGradients d{output(shape, c.type), output({c.experts, c.dim}, c.state())};
    in_both_orders(
        [&](HostLauncher& launcher) { cuda::launch_gelu_dropout_gradient(in, d_g, d, launcher); },
        {d.d_u_NEF, d.d_bias_EF});
    GeluDropoutGradients wanted{output(shape, at::kDouble),
                                output({c.experts, c.dim}, at::kDouble)};
    gelu_dropout_gradient_aten(exact, d_g.to(at::kDouble), wanted);
    EXPECT_TRUE(close(d.d_u_NEF, wanted.d_u_NEF, terms_of(c.type, 8)));
    EXPECT_TRUE(close(d.d_bias_EF, wanted.d_bias_EF, 50));
  });
}

TEST(ExpertBlockBodies, DropoutResidualAndItsGradient) {
  for_each_body_case({0.0, 0.3}, [](const BlockCase& c) {
    const std::vector<std::int64_t> shape{c.tokens, c.experts, c.dim};
    const DropoutResidualInputs in{random_input(shape, 1, c.state()),
                                   random_input(shape, 2, c.type),
                                   random_input({c.experts, c.dim}, 3, c.state()), make_dropout(c)};
    at::Tensor out = output(shape, c.state()), expected = output(shape, at::kDouble);
    in_both_orders(
        [&](HostLauncher& launcher) { cuda::launch_dropout_residual(in, out, launcher); }, {out});
    dropout_residual_aten({in.h_NED.to(at::kDouble), in.y_NED.to(at::kDouble),
                           in.bias_ED.to(at::kDouble), in.dropout},
                          expected);
    EXPECT_TRUE(close(out, expected, 4));

    const at::Tensor d_out = random_input(shape, 4, c.state());
    DropoutResidualGradients d{output(shape, c.type), output({c.experts, c.dim}, c.state())};
    in_both_orders(
        [&](HostLauncher& launcher) {
          cuda::launch_dropout_residual_gradient(d_out, in.dropout, d, launcher);
        },
        {d.d_y_NED, d.d_bias_ED});
    DropoutResidualGradients wanted{output(shape, at::kDouble),
                                    output({c.experts, c.dim}, at::kDouble)};
    dropout_residual_gradient_aten(d_out.to(at::kDouble), in.dropout, wanted);
    EXPECT_TRUE(close(d.d_y_NED, wanted.d_y_NED, terms_of(c.type, 4)));
    EXPECT_TRUE(has_zeros_of(d.d_y_NED, wanted.d_y_NED)) << "another mask";
    EXPECT_TRUE(close(d.d_bias_ED, wanted.d_bias_ED, 50));
  });
}

}  // namespace
}  // namespace hgnn_moe::ops
