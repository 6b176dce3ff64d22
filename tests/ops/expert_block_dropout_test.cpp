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

ExpertDropout make_dropout(double rate, std::int64_t tokens, std::int64_t experts) {
  ExpertDropout dropout;
  dropout.rate = rate;
  std::vector<std::uint64_t> keys;
  for (std::int64_t e = 0; e < experts; ++e) {
    keys.push_back(0x123456789abcdef0u + 0x9e3779b97f4a7c15u * e);
  }
  dropout.keys_E = dropout_keys(keys);
  // Samples beyond 2^31 are indices like any other.
  dropout.positions_N = at::arange(tokens, at::kLong).remainder(37);
  dropout.samples_N = at::arange(tokens, at::kLong).div(37, "floor") + 3999999990;
  return dropout;
}

// gelu_dropout's three inputs: u, bias and, for the gradient, d_g.
struct GeluCase {
  GeluDropoutInputs in;
  at::Tensor d_g;

  explicit GeluCase(const BlockCase& c)
      : in{random_input({c.tokens, c.experts, c.dim}, 1, c.type, 0.8),
           random_input({c.experts, c.dim}, 2, c.state(), 0.5),
           make_dropout(c.rate, c.tokens, c.experts)},
        d_g(random_input({c.tokens, c.experts, c.dim}, 3, c.type)) {}

  at::Tensor exact(const std::vector<at::Tensor>& u_and_bias) const {
    at::Tensor g = at::empty(in.u_NEF.sizes(), at::kDouble);
    gelu_dropout_aten({u_and_bias[0], u_and_bias[1], in.dropout}, g);
    return g;
  }
  std::vector<at::Tensor> exact_inputs() const {
    return {in.u_NEF.to(at::kDouble), in.bias_EF.to(at::kDouble)};
  }
};

TEST(GeluDropout, EveryInstructionSetEqualsPlainAten) {
  for_each_case({0.0, 0.3}, [](const BlockCase& c) {
    const GeluCase data(c);
    const at::Tensor expected = data.exact(data.exact_inputs());
    for_each_isa([&](CpuIsa isa) {
      GuardedTensors guarded;
      at::Tensor g = guarded.make(data.in.u_NEF.sizes(), c.type);
      gelu_dropout_cpu(isa, data.in, g);
      EXPECT_TRUE(close(g, expected, terms_of(c.type, 4)));
      EXPECT_TRUE(has_zeros_of(g, expected)) << "another mask";
      EXPECT_TRUE(guarded.intact());
    });
  });
}

TEST(GeluDropout, EveryGradientEqualsAutograd) {
  for_each_case({0.0, 0.3}, [](const BlockCase& c) {
    const GeluCase data(c);
    const auto expected = gradients([&](const auto& v) { return data.exact(v); },
                                    data.exact_inputs(), data.d_g.to(at::kDouble));
    const auto check = [&](const auto& gradient) {
      GuardedTensors guarded;
      GeluDropoutGradients d{guarded.make(data.d_g.sizes(), c.type),
                             guarded.make(data.in.bias_EF.sizes(), c.state())};
      gradient(d);
      EXPECT_TRUE(close(d.d_u_NEF, expected[0], terms_of(c.type, 4)));
      EXPECT_TRUE(close(d.d_bias_EF, expected[1], 30));
      EXPECT_TRUE(has_zeros_of(d.d_u_NEF, expected[0])) << "another mask";
      EXPECT_TRUE(guarded.intact());
    };
    for_each_isa([&](CpuIsa isa) {
      check([&](auto& d) { gelu_dropout_gradient_cpu(isa, data.in, data.d_g, d); });
    });
    SCOPED_TRACE("plain ATen");
    check([&](auto& d) { gelu_dropout_gradient_aten(data.in, data.d_g, d); });
  });
}

// 3e-7 is what gelu.h states for the distribution and for the slope.
TEST(GeluDropout, IsAccurateOverTheWholeRange) {
  // Every few hundredths to far outside, and densely where rounding to a small number counts.
  const at::Tensor v = at::cat({at::linspace(-40, 40, 100003), at::linspace(-7, 7, 300007),
                                at::linspace(-1e-3, 1e-3, 1001)})
                           .to(at::kFloat);
  const at::Tensor exact = v.to(at::kDouble);
  const at::Tensor distribution = 0.5 * at::erfc(-exact * M_SQRT1_2);
  const at::Tensor slope =
      distribution + exact * at::exp(-0.5 * exact.square()) / std::sqrt(2 * M_PI);
  const GeluDropoutInputs in{v.view({1, 1, -1}), at::zeros({1, v.size(0)}, at::kFloat), {}};
  for_each_isa([&](CpuIsa isa) {
    at::Tensor g = at::empty_like(in.u_NEF);
    gelu_dropout_cpu(isa, in, g);
    const at::Tensor error = (g.flatten() - exact * distribution).abs();
    EXPECT_TRUE(error.le(3e-7 * exact.abs()).all().item<bool>())
        << (error / exact.abs().clamp_min(1e-30)).max();
    GeluDropoutGradients d{at::empty_like(g), at::empty_like(in.bias_EF)};
    gelu_dropout_gradient_cpu(isa, in, at::ones_like(g), d);
    EXPECT_LE((d.d_u_NEF.flatten() - slope).abs().max().item<double>(), 3e-7);
  });
}

TEST(GeluDropout, FarFromZeroIsTheIdentityOrNothing) {
  const at::Tensor u = at::tensor({-1e30, -300.0, -30.0, -7.0, 7.0, 30.0, 300.0, 1e30}, at::kFloat);
  const GeluDropoutInputs in{u.view({1, 1, 8}), at::zeros({1, 8}, at::kFloat), {}};
  for_each_isa([&](CpuIsa isa) {
    at::Tensor g = at::empty_like(in.u_NEF);
    gelu_dropout_cpu(isa, in, g);
    EXPECT_TRUE(at::allclose(g.flatten(), u.clamp_min(0), 2e-7, 0.0)) << g;
    GeluDropoutGradients d{at::empty_like(g), at::empty_like(in.bias_EF)};
    gelu_dropout_gradient_cpu(isa, in, at::ones_like(g), d);
    EXPECT_TRUE(at::allclose(d.d_u_NEF.flatten(), u.gt(0).to(at::kFloat), 3e-7, 0.0));
  });
}

struct ResidualCase {
  DropoutResidualInputs in;
  at::Tensor d_out;

  explicit ResidualCase(const BlockCase& c)
      : in{random_input({c.tokens, c.experts, c.dim}, 1, c.state()),
           random_input({c.tokens, c.experts, c.dim}, 2, c.type),
           random_input({c.experts, c.dim}, 3, c.state()),
           make_dropout(c.rate, c.tokens, c.experts)},
        d_out(random_input({c.tokens, c.experts, c.dim}, 4, c.state())) {}

  at::Tensor exact(const std::vector<at::Tensor>& h_y_bias) const {
    at::Tensor out = at::empty(in.h_NED.sizes(), at::kDouble);
    dropout_residual_aten({h_y_bias[0], h_y_bias[1], h_y_bias[2], in.dropout}, out);
    return out;
  }
  std::vector<at::Tensor> exact_inputs() const {
    return {in.h_NED.to(at::kDouble), in.y_NED.to(at::kDouble), in.bias_ED.to(at::kDouble)};
  }
};

TEST(DropoutResidual, EveryInstructionSetEqualsPlainAten) {
  for_each_case({0.0, 0.3}, [](const BlockCase& c) {
    const ResidualCase data(c);
    const at::Tensor expected = data.exact(data.exact_inputs());
    for_each_isa([&](CpuIsa isa) {
      GuardedTensors guarded;
      at::Tensor out = guarded.make(data.in.h_NED.sizes(), c.state());
      dropout_residual_cpu(isa, data.in, out);
      EXPECT_TRUE(close(out, expected, 1));
      EXPECT_TRUE(has_zeros_of(out - data.in.h_NED, expected - data.in.h_NED)) << "another mask";
      EXPECT_TRUE(guarded.intact());
    });
  });
}

TEST(DropoutResidual, EveryGradientEqualsAutograd) {
  for_each_case({0.0, 0.3}, [](const BlockCase& c) {
    const ResidualCase data(c);
    const auto expected = gradients([&](const auto& v) { return data.exact(v); },
                                    data.exact_inputs(), data.d_out.to(at::kDouble));
    const auto check = [&](const auto& gradient) {
      GuardedTensors guarded;
      DropoutResidualGradients d{guarded.make(data.d_out.sizes(), c.type),
                                 guarded.make(data.in.bias_ED.sizes(), c.state())};
      gradient(d);
      EXPECT_TRUE(close(d.d_y_NED, expected[1], terms_of(c.type, 1)));
      EXPECT_TRUE(close(d.d_bias_ED, expected[2], 30));
      EXPECT_TRUE(has_zeros_of(d.d_y_NED, expected[1])) << "another mask";
      EXPECT_TRUE(guarded.intact());
    };
    for_each_isa([&](CpuIsa isa) {
      check([&](auto& d) { dropout_residual_gradient_cpu(isa, data.d_out, data.in.dropout, d); });
    });
    SCOPED_TRACE("plain ATen");
    check([&](auto& d) { dropout_residual_gradient_aten(data.d_out, data.in.dropout, d); });
  });
}

// Packed rows of experts draw what each expert alone draws on padded ones.
TEST(ExpertDropout, MasksAreThoseOfCounterDropout) {
  const std::int64_t batch = 3, length = 5, dim = 70;
  const std::vector<std::int64_t> lengths{5, 2, 4};
  const at::Tensor samples_B = at::tensor(std::vector<std::int64_t>{8, 4000000000, 2}, at::kLong);
  std::vector<at::Tensor> positions, samples, y;
  const at::Tensor y_EBTD = random_input({2, batch, length, dim}, 1, at::kFloat);
  for (std::int64_t b = 0; b < batch; ++b) {
    positions.push_back(at::arange(lengths[b], at::kLong));
    samples.push_back(samples_B.narrow(0, b, 1).expand({lengths[b]}));
    y.push_back(y_EBTD.select(1, b).narrow(1, 0, lengths[b]).transpose(0, 1));
  }
  const ExpertDropout dropout{0.3, dropout_keys({11, 22}), at::cat(positions), at::cat(samples)};
  const at::Tensor y_NED = at::cat(y);
  const DropoutResidualInputs in{at::zeros_like(y_NED), y_NED, at::zeros({2, dim}, at::kFloat),
                                 dropout};
  for_each_isa([&](CpuIsa isa) {
    at::Tensor out_NED = at::empty_like(y_NED);
    dropout_residual_cpu(isa, in, out_NED);
    for (std::int64_t e = 0; e < 2; ++e) {
      const at::Tensor padded_BTD = counter_dropout(y_EBTD[e], {0.3, dropout.keys_E[e]}, samples_B);
      std::int64_t first = 0;
      for (std::int64_t b = 0; b < batch; first += lengths[b++]) {
        EXPECT_TRUE(at::equal(out_NED.select(1, e).narrow(0, first, lengths[b]),
                              padded_BTD[b].narrow(0, 0, lengths[b])));
      }
    }
  });
}

TEST(ExpertDropout, NotANumberStaysInItsTokenAndADroppedOneIsZero) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    for (const double rate : {0.0, 0.3}) {
      const BlockCase c{9, 3, 37, type, rate};
      GeluCase gelu(c);
      ResidualCase residual(c);
      const at::Tensor d_g = gelu.d_g.clone();
      const double nan = std::numeric_limits<double>::quiet_NaN();
      for (const at::Tensor& t : {gelu.in.u_NEF, residual.in.y_NED, residual.d_out}) {
        t[4].fill_(nan);
      }
      d_g[6].fill_(nan);
      for_each_isa([&](CpuIsa isa) {
        at::Tensor g = at::empty_like(gelu.in.u_NEF), out = at::empty_like(residual.in.h_NED);
        gelu_dropout_cpu(isa, gelu.in, g);
        expect_nan_in_token(g, 4);
        EXPECT_EQ(g[4].eq(0).any().item<bool>(), rate > 0);
        dropout_residual_cpu(isa, residual.in, out);
        expect_nan_in_token(out, 4);
        GeluDropoutGradients d{at::empty_like(g), at::empty_like(gelu.in.bias_EF)};
        gelu_dropout_gradient_cpu(isa, gelu.in, gelu.d_g, d);
        expect_nan_in_token(d.d_u_NEF, 4);
        gelu.in.u_NEF[4].fill_(0.0);
        gelu_dropout_gradient_cpu(isa, gelu.in, d_g, d);
        expect_nan_in_token(d.d_u_NEF, 6);
        gelu.in.u_NEF[4].fill_(nan);
        DropoutResidualGradients dr{at::empty_like(g), at::empty_like(residual.in.bias_ED)};
        dropout_residual_gradient_cpu(isa, residual.d_out, residual.in.dropout, dr);
        expect_nan_in_token(dr.d_y_NED, 4);
      });
    }
  }
}

TEST(ExpertDropout, ThreadsChangeNoBit) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const BlockCase c{301, 3, 150, type, 0.3};
    const GeluCase gelu(c);
    const ResidualCase residual(c);
    for_each_isa([&](CpuIsa isa) {
      expect_equal_over_threads([&]() -> std::vector<at::Tensor> {
        at::Tensor g = at::empty_like(gelu.in.u_NEF), out = at::empty_like(residual.in.h_NED);
        GeluDropoutGradients d{at::empty_like(g), at::empty_like(gelu.in.bias_EF)};
        DropoutResidualGradients dr{at::empty_like(g), at::empty_like(residual.in.bias_ED)};
        gelu_dropout_cpu(isa, gelu.in, g);
        gelu_dropout_gradient_cpu(isa, gelu.in, gelu.d_g, d);
        dropout_residual_cpu(isa, residual.in, out);
        dropout_residual_gradient_cpu(isa, residual.d_out, residual.in.dropout, dr);
        return {g, d.d_u_NEF, d.d_bias_EF, out, dr.d_y_NED, dr.d_bias_ED};
      });
    });
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
