#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "tests/ops/expert_block_cases.h"

#include "hgnn_moe/ops/counter_dropout.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;

NormStatistics make_statistics(GuardedTensors& guarded, at::IntArrayRef shape,
                               at::ScalarType type) {
  return {guarded.make(shape, type), guarded.make(shape, type)};
}

NormStatistics to_type(const NormStatistics& from, at::ScalarType type) {
  return {from.mean.to(type), from.reciprocal_deviation.to(type)};
}

ResidualNormInputs to_double(const ResidualNormInputs& in) {
  return {in.x_ND.to(at::kDouble), in.y_NED.to(at::kDouble), in.bias_ED.to(at::kDouble),
          in.gamma_ED.to(at::kDouble), in.beta_ED.to(at::kDouble)};
}

ResidualNormInputs make_inputs(const BlockCase& c) {
  return {random_input({c.tokens, c.dim}, 1, c.state()),
          random_input({c.tokens, c.experts, c.dim}, 2, c.type),
          random_input({c.experts, c.dim}, 3, c.state()),
          random_input({c.experts, c.dim}, 4, c.state()),
          random_input({c.experts, c.dim}, 5, c.state())};
}

ResidualNormOutputs make_outputs(GuardedTensors& guarded, const ResidualNormInputs& in) {
  const at::ScalarType state = in.x_ND.scalar_type();
  const std::int64_t tokens = in.y_NED.size(0), experts = in.y_NED.size(1);
  return {guarded.make(in.y_NED.sizes(), state),
          guarded.make(in.y_NED.sizes(), in.y_NED.scalar_type()),
          make_statistics(guarded, {tokens, experts}, state)};
}

ResidualNormOutputs run_aten(const ResidualNormInputs& in) {
  GuardedTensors guarded;
  ResidualNormOutputs out = make_outputs(guarded, in);
  residual_norm_aten(in, out);
  return out;
}

// d_x starts as ones: it is added to.
ResidualNormGradients make_gradients(GuardedTensors& guarded, const ResidualNormInputs& in) {
  const at::ScalarType state = in.x_ND.scalar_type();
  const at::IntArrayRef affine = in.bias_ED.sizes();
  return {guarded.make(in.y_NED.sizes(), in.y_NED.scalar_type()),
          guarded.make(in.x_ND.sizes(), state).fill_(1.0), guarded.make(affine, state),
          guarded.make(affine, state), guarded.make(affine, state)};
}

ResidualNormGradientInputs make_gradient_inputs(const ResidualNormInputs& in) {
  const at::ScalarType state = in.x_ND.scalar_type();
  const ResidualNormOutputs exact = run_aten(to_double(in));
  return {random_input(in.y_NED.sizes(), 6, state),
          random_input(in.y_NED.sizes(), 7, in.y_NED.scalar_type()), exact.h_NED.to(state),
          to_type(exact.statistics_NE, state), in.gamma_ED};
}

// A row of three normal values can be nearly constant; its normalisation then multiplies rounding
// errors by the reciprocal deviation.
double terms_of_rows(const NormStatistics& statistics) {
  return statistics.mean.numel() == 0
             ? 1.0
             : 4.0 * std::max(2.0, statistics.reciprocal_deviation.max().item<double>());
}

TEST(ResidualNorm, EveryInstructionSetEqualsPlainAten) {
  for_each_case({0.0}, [](const BlockCase& c) {
    const ResidualNormInputs in = make_inputs(c);
    const ResidualNormOutputs expected = run_aten(to_double(in));
    const double terms = terms_of_rows(expected.statistics_NE);
    for_each_isa([&](CpuIsa isa) {
      GuardedTensors guarded;
      ResidualNormOutputs out = make_outputs(guarded, in);
      residual_norm_cpu(isa, in, out);
      EXPECT_TRUE(close(out.h_NED, expected.h_NED, 1));
      EXPECT_TRUE(close(out.z_NED, expected.z_NED, terms_of(c.type, terms)));
      EXPECT_TRUE(close(out.statistics_NE.mean, expected.statistics_NE.mean, 1));
      EXPECT_TRUE(close(out.statistics_NE.reciprocal_deviation,
                        expected.statistics_NE.reciprocal_deviation, terms));
      EXPECT_TRUE(guarded.intact());
    });
  });
}

TEST(ResidualNorm, EveryGradientEqualsAutograd) {
  for_each_case({0.0}, [](const BlockCase& c) {
    const ResidualNormInputs in = make_inputs(c);
    const ResidualNormInputs exact = to_double(in);
    const ResidualNormGradientInputs d_in = make_gradient_inputs(in);
    const auto expected = gradients(
        [](const auto& v) {
          ResidualNormOutputs out = run_aten({v[0], v[1], v[2], v[3], v[4]});
          return at::stack({out.h_NED, out.z_NED});
        },
        {exact.x_ND, exact.y_NED, exact.bias_ED, exact.gamma_ED, exact.beta_ED},
        at::stack({d_in.d_h_NED.to(at::kDouble), d_in.d_z_NED.to(at::kDouble)}));
    const double terms = terms_of_rows(d_in.statistics_NE);
    const auto check = [&](const auto& gradient) {
      GuardedTensors guarded;
      ResidualNormGradients d = make_gradients(guarded, in);
      gradient(d);
      EXPECT_TRUE(close(d.d_x_ND, expected[0] + 1, terms));
      EXPECT_TRUE(close(d.d_y_NED, expected[1], terms_of(c.type, terms)));
      EXPECT_TRUE(close(d.d_bias_ED, expected[2], 10 * terms));
      EXPECT_TRUE(close(d.d_gamma_ED, expected[3], 10 * terms));
      EXPECT_TRUE(close(d.d_beta_ED, expected[4], 10));
      EXPECT_TRUE(guarded.intact());
    };
    for_each_isa(
        [&](CpuIsa isa) { check([&](auto& d) { residual_norm_gradient_cpu(isa, d_in, d); }); });
    SCOPED_TRACE("plain ATen");
    check([&](auto& d) { residual_norm_gradient_aten(d_in, d); });
  });
}

TEST(Norm, EveryInstructionSetEqualsPlainAten) {
  for_each_case({0.0}, [](const BlockCase& c) {
    if (c.experts > 1) return;
    const at::Tensor x = random_input({c.tokens, c.dim}, 1, c.state());
    NormOutputs expected{at::empty({c.tokens, c.dim}, at::kDouble),
                         {at::empty({c.tokens}, at::kDouble), at::empty({c.tokens}, at::kDouble)}};
    norm_aten(x.to(at::kDouble), expected);
    const double terms = terms_of_rows(expected.statistics_N);
    for_each_isa([&](CpuIsa isa) {
      GuardedTensors guarded;
      NormOutputs out{guarded.make(x.sizes(), c.type),
                      make_statistics(guarded, {c.tokens}, c.state())};
      norm_cpu(isa, x, out);
      EXPECT_TRUE(close(out.xhat_ND, expected.xhat_ND, terms_of(c.type, terms)));
      EXPECT_TRUE(close(out.statistics_N.mean, expected.statistics_N.mean, 1));
      EXPECT_TRUE(close(out.statistics_N.reciprocal_deviation,
                        expected.statistics_N.reciprocal_deviation, terms));
      EXPECT_TRUE(guarded.intact());
    });
  });
}

TEST(Norm, EveryGradientEqualsAutograd) {
  for_each_case({0.0}, [](const BlockCase& c) {
    if (c.experts > 1) return;
    const at::Tensor x = random_input({c.tokens, c.dim}, 1, c.state());
    const at::Tensor d_xhat = random_input({c.tokens, c.dim}, 2, c.type);
    NormOutputs exact{at::empty({c.tokens, c.dim}, at::kDouble),
                      {at::empty({c.tokens}, at::kDouble), at::empty({c.tokens}, at::kDouble)}};
    norm_aten(x.to(at::kDouble), exact);
    const NormGradientInputs in{d_xhat, x, to_type(exact.statistics_N, c.state())};
    const at::Tensor expected = gradients(
        [&](const auto& v) {
          NormOutputs out{at::empty(v[0].sizes(), at::kDouble),
                          {at::empty({c.tokens}, at::kDouble), at::empty({c.tokens}, at::kDouble)}};
          norm_aten(v[0], out);
          return out.xhat_ND;
        },
        {x.to(at::kDouble)}, d_xhat.to(at::kDouble))[0];
    const auto check = [&](const auto& gradient) {
      GuardedTensors guarded;
      at::Tensor d_x = guarded.make(x.sizes(), c.state()).fill_(1.0);
      gradient(d_x);
      EXPECT_TRUE(close(d_x, expected + 1, terms_of_rows(exact.statistics_N)));
      EXPECT_TRUE(guarded.intact());
    };
    for_each_isa([&](CpuIsa isa) { check([&](auto& d_x) { norm_gradient_cpu(isa, in, d_x); }); });
    SCOPED_TRACE("plain ATen");
    check([&](auto& d_x) { norm_gradient_aten(in, d_x); });
  });
}

TEST(ResidualNorm, AConstantRowIsBetaAndItsGradientIsFinite) {
  for (const std::int64_t dim : {1, 7, 384, 1000}) {
    const BlockCase c{5, 3, dim, at::kFloat, 0.0};
    ResidualNormInputs in = make_inputs(c);
    in.x_ND.fill_(3.0);
    in.y_NED.fill_(-1.25);
    in.bias_ED.zero_();
    const ResidualNormGradientInputs d_in = make_gradient_inputs(in);
    const ResidualNormInputs exact = to_double(in);
    for_each_isa([&](CpuIsa isa) {
      GuardedTensors guarded;
      ResidualNormOutputs out = make_outputs(guarded, in);
      residual_norm_cpu(isa, in, out);
      EXPECT_TRUE(at::equal(out.z_NED, in.beta_ED.expand_as(out.z_NED)));
      EXPECT_TRUE(close(out.statistics_NE.reciprocal_deviation,
                        at::full({5, 3}, 1 / std::sqrt(kNormEpsilon), at::kDouble), 1));
      ResidualNormGradients d = make_gradients(guarded, in),
                            wanted = make_gradients(guarded, exact);
      residual_norm_gradient_cpu(isa, d_in, d);
      residual_norm_gradient_aten(
          {d_in.d_h_NED.to(at::kDouble), d_in.d_z_NED.to(at::kDouble), d_in.h_NED.to(at::kDouble),
           to_type(d_in.statistics_NE, at::kDouble), exact.gamma_ED},
          wanted);
      EXPECT_TRUE(close(d.d_y_NED, wanted.d_y_NED, terms_of_rows(d_in.statistics_NE)));
    });
  }
}

// The variance of values around 1000 is not lost in that of their squares.
TEST(Norm, ARowFarFromZeroKeepsItsVariance) {
  const at::Tensor x = random_input({13, 384}, 1, at::kFloat) + 1000.0;
  NormOutputs expected{at::empty({13, 384}, at::kDouble),
                       {at::empty({13}, at::kDouble), at::empty({13}, at::kDouble)}};
  norm_aten(x.to(at::kDouble), expected);
  for_each_isa([&](CpuIsa isa) {
    NormOutputs out{at::empty_like(x), {at::empty({13}), at::empty({13})}};
    norm_cpu(isa, x, out);
    // The mean itself is rounded to 2^-15.
    EXPECT_LE((out.xhat_ND - expected.xhat_ND).abs().max().item<double>(), 4e-4);
  });
}

TEST(ExpertNorms, NotANumberStaysInItsToken) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    const BlockCase c{9, 3, 37, type, 0.0};
    const ResidualNormInputs good = make_inputs(c);
    const ResidualNormGradientInputs d_in = make_gradient_inputs(good);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    d_in.d_z_NED[6].fill_(nan);
    const at::Tensor x = good.x_ND.clone();
    x[4][36] = nan;
    for_each_isa([&](CpuIsa isa) {
      GuardedTensors guarded;
      ResidualNormOutputs out = make_outputs(guarded, good);
      residual_norm_cpu(isa, {x, good.y_NED, good.bias_ED, good.gamma_ED, good.beta_ED}, out);
      for (const at::Tensor& t : {out.h_NED, out.z_NED, out.statistics_NE.mean}) {
        expect_nan_in_token(t, 4);
      }
      ResidualNormGradients d = make_gradients(guarded, good);
      residual_norm_gradient_cpu(isa, d_in, d);
      expect_nan_in_token(d.d_y_NED, 6);
      expect_nan_in_token(d.d_x_ND, 6);

      NormOutputs norm_out{at::empty_like(good.y_NED.select(1, 0)),
                           {at::empty({9}, c.state()), at::empty({9}, c.state())}};
      norm_cpu(isa, x, norm_out);
      expect_nan_in_token(norm_out.xhat_ND, 4);
      norm_cpu(isa, good.x_ND, norm_out);
      at::Tensor d_x = at::zeros_like(x);
      norm_gradient_cpu(
          isa, {d_in.d_z_NED.select(1, 0).contiguous(), good.x_ND, norm_out.statistics_N}, d_x);
      expect_nan_in_token(d_x, 6);
    });
  }
}

TEST(ExpertNorms, ThreadsChangeNoBit) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const ResidualNormInputs in = make_inputs({301, 3, 150, type, 0.0});
    const ResidualNormGradientInputs d_in = make_gradient_inputs(in);
    for_each_isa([&](CpuIsa isa) {
      expect_equal_over_threads([&]() -> std::vector<at::Tensor> {
        GuardedTensors guarded;
        ResidualNormOutputs out = make_outputs(guarded, in);
        residual_norm_cpu(isa, in, out);
        ResidualNormGradients d = make_gradients(guarded, in);
        residual_norm_gradient_cpu(isa, d_in, d);
        NormOutputs norm_out{at::empty({301, 150}, type), {at::empty({301}), at::empty({301})}};
        norm_cpu(isa, in.x_ND, norm_out);
        at::Tensor d_x = at::zeros_like(in.x_ND);
        norm_gradient_cpu(isa, {norm_out.xhat_ND, in.x_ND, norm_out.statistics_N}, d_x);
        return {out.h_NED,
                out.z_NED,
                out.statistics_NE.mean,
                out.statistics_NE.reciprocal_deviation,
                d.d_y_NED,
                d.d_x_ND,
                d.d_bias_ED,
                d.d_gamma_ED,
                d.d_beta_ED,
                norm_out.xhat_ND,
                d_x};
      });
    });
  }
}

TEST(ResidualNorm, ItsResultMayOverwriteY) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const ResidualNormInputs in = make_inputs({13, 3, 150, type, 0.0});
    for_each_isa([&](CpuIsa isa) {
      GuardedTensors guarded;
      ResidualNormOutputs out = make_outputs(guarded, in), over_y = make_outputs(guarded, in);
      residual_norm_cpu(isa, in, out);
      ResidualNormInputs with_own_y = in;
      with_own_y.y_NED = over_y.z_NED = in.y_NED.clone();
      residual_norm_cpu(isa, with_own_y, over_y);
      EXPECT_TRUE(at::equal(over_y.h_NED, out.h_NED));
      EXPECT_TRUE(at::equal(over_y.z_NED, out.z_NED));
    });
  }
}

// A gradient of xhat in float beside bfloat16 products is taken as it is.
TEST(Norm, AGradientOfTheStatesTypeIsTaken) {
  const at::Tensor x = random_input({13, 48}, 1, at::kFloat);
  NormOutputs out{at::empty({13, 48}, at::kBFloat16), {at::empty({13}), at::empty({13})}};
  norm(x, out);
  at::Tensor d_x = at::zeros_like(x), wanted = at::zeros_like(x);
  const NormGradientInputs in{random_input({13, 48}, 2, at::kFloat), x, out.statistics_N};
  norm_gradient(in, d_x);
  norm_gradient_aten(in, wanted);
  EXPECT_TRUE(close(d_x, wanted, 10));
}

// Half precision has no kernel: plain ATen serves it.
TEST(ExpertBlock, OtherTypesAreServedByPlainAten) {
  for (const at::ScalarType type : {at::kFloat, at::kHalf}) {
    const double terms = type == at::kHalf ? 4096 : 10;  // in epsilons of float, as state is
    const ResidualNormInputs in = make_inputs({5, 2, 20, type, 0.0});
    GuardedTensors guarded;
    ResidualNormOutputs out = make_outputs(guarded, in);
    residual_norm(in, out);
    const ResidualNormOutputs expected = run_aten(to_double(in));
    EXPECT_TRUE(close(out.z_NED.to(at::kFloat), expected.z_NED, terms));
    ResidualNormGradients d = make_gradients(guarded, in), wanted = make_gradients(guarded, in);
    const ResidualNormGradientInputs d_in = make_gradient_inputs(in);
    residual_norm_gradient(d_in, d);
    residual_norm_gradient_aten(d_in, wanted);

    const ExpertDropout dropout{0.3, dropout_keys({1, 2}), at::arange(5, at::kLong),
                                at::zeros({5}, at::kLong)};
    const GeluDropoutInputs gelu_in{in.y_NED, in.bias_ED, dropout};
    at::Tensor g = at::empty_like(in.y_NED), g_wanted = at::empty_like(in.y_NED);
    gelu_dropout(gelu_in, g);
    gelu_dropout_aten(gelu_in, g_wanted);
    EXPECT_TRUE(close(g.to(at::kFloat), g_wanted.to(at::kDouble), terms));
    GeluDropoutGradients dg{at::empty_like(g), at::empty_like(in.bias_ED)}, dg_wanted = dg;
    dg_wanted.d_u_NEF = at::empty_like(g);
    gelu_dropout_gradient(gelu_in, d_in.d_z_NED, dg);
    gelu_dropout_gradient_aten(gelu_in, d_in.d_z_NED, dg_wanted);
    EXPECT_TRUE(close(dg.d_u_NEF.to(at::kFloat), dg_wanted.d_u_NEF.to(at::kDouble), terms));

    const DropoutResidualInputs residual_in{out.h_NED, in.y_NED, in.bias_ED, dropout};
    at::Tensor sum = at::empty_like(out.h_NED), sum_wanted = at::empty_like(out.h_NED);
    dropout_residual(residual_in, sum);
    dropout_residual_aten(residual_in, sum_wanted);
    EXPECT_TRUE(close(sum, sum_wanted, terms));
    DropoutResidualGradients dr{at::empty_like(g), at::empty_like(in.bias_ED)}, dr_wanted = dr;
    dr_wanted.d_y_NED = at::empty_like(g);
    dropout_residual_gradient(d_in.d_h_NED, dropout, dr);
    dropout_residual_gradient_aten(d_in.d_h_NED, dropout, dr_wanted);
    EXPECT_TRUE(close(dr.d_y_NED.to(at::kFloat), dr_wanted.d_y_NED.to(at::kDouble), terms));
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
