#include "hgnn_moe/train/optimizer.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/train/train_support.h"

namespace hgnn_moe {
namespace {

// One parameter's elements updated by the formula of optimizer.h, in double precision.
struct ReferenceAdamW {
  explicit ReferenceAdamW(const at::Tensor& start) {
    const at::Tensor values = start.detach().to(at::kDouble).contiguous();
    x.assign(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
    m.assign(x.size(), 0);
    v.assign(x.size(), 0);
  }

  void step(const at::Tensor& gradient, double rate, const AdamWOptions& options) {
    const at::Tensor g = gradient.to(at::kDouble).contiguous();
    t += 1;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double gi = g.data_ptr<double>()[i];
      x[i] -= rate * options.weight_decay * x[i];
      m[i] = options.beta1 * m[i] + (1 - options.beta1) * gi;
      v[i] = options.beta2 * v[i] + (1 - options.beta2) * gi * gi;
      const double mean = m[i] / (1 - std::pow(options.beta1, t));
      const double square = v[i] / (1 - std::pow(options.beta2, t));
      x[i] -= rate * mean / (std::sqrt(square) + options.epsilon);
    }
  }

  std::vector<double> x, m, v;
  int t = 0;
};

void expect_near(const at::Tensor& actual, const std::vector<double>& expected, double tolerance) {
  const at::Tensor values = actual.detach().to(at::kDouble).contiguous();
  ASSERT_EQ(static_cast<std::size_t>(values.numel()), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(values.data_ptr<double>()[i], expected[i], tolerance) << "element " << i;
  }
}

void compare_with_formula(at::ScalarType type, double tolerance) {
  const AdamWOptions options{0.9, 0.999, 1e-8, 0.1};
  const ParameterList parameters = make_parameters(0, type);
  std::vector<ReferenceAdamW> reference;
  for (const NamedParameter& parameter : parameters) {
    reference.emplace_back(parameter.tensor);
  }
  AdamW optimizer(parameters, options);
  for (int step = 0; step < 20; ++step) {
    const double rate = 1e-2 / (step + 1);
    set_gradients(parameters, 0.3 * step);
    optimizer.step(rate);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      reference[i].step(parameters[i].tensor.grad(), rate, options);
    }
  }
  const ParameterList state = optimizer.state();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    expect_near(parameters[i].tensor, reference[i].x, tolerance);
    expect_near(state[i].tensor, reference[i].m, tolerance);
    expect_near(state[parameters.size() + i].tensor, reference[i].v, tolerance);
    EXPECT_EQ(state[2 * parameters.size() + i].tensor.item<float>(), 20);
  }
}

TEST(AdamW, FollowsTheFormulaInDouble) { compare_with_formula(at::kDouble, 1e-13); }

// 20 updates of values up to 1, each rounded a few times to half an epsilon.
TEST(AdamW, FollowsTheFormulaInFloat) {
  compare_with_formula(at::kFloat, 20 * 4 * std::numeric_limits<float>::epsilon());
}

TEST(AdamW, AParameterWithoutGradientStaysAsItIs) {
  const ParameterList parameters = make_parameters();
  const at::Tensor before = parameters[1].tensor.detach().clone();
  AdamW optimizer(parameters, {});
  set_gradients(parameters, 1);
  at::Tensor(parameters[1].tensor).mutable_grad() = at::Tensor();
  optimizer.step(0.1);
  EXPECT_TRUE(same_bytes(parameters[1].tensor, before));
  const ParameterList state = optimizer.state();
  EXPECT_EQ(state[1].tensor.abs().sum().item<float>(), 0);  // exp_avg
  EXPECT_EQ(state[4].tensor.abs().sum().item<float>(), 0);  // exp_avg_sq
  EXPECT_EQ(state[7].tensor.item<float>(), 0);              // step
  EXPECT_EQ(state[6].tensor.item<float>(), 1);
}

TEST(AdamW, WithoutAnyGradientNothingChanges) {
  const ParameterList parameters = make_parameters();
  const ParameterList before = make_parameters();
  AdamW optimizer(parameters, {});
  optimizer.step(0.1);
  expect_same_values(parameters, before);
}

TEST(AdamW, AZeroGradientDecays) {
  const ParameterList parameters = make_parameters(0, at::kDouble);
  const at::Tensor before = parameters[0].tensor.detach().clone();
  AdamWOptions options;
  options.weight_decay = 0.5;
  AdamW optimizer(parameters, options);
  at::Tensor(parameters[0].tensor).mutable_grad() = at::zeros_like(before);
  optimizer.step(0.1);
  EXPECT_TRUE(at::allclose(parameters[0].tensor, before * (1 - 0.1 * 0.5), 1e-15, 0));
}

TEST(AdamW, StateHasTheNamesOfTheCheckpointFile) {
  const AdamW optimizer(make_parameters(), {});
  std::vector<std::string> names;
  for (const NamedParameter& entry : optimizer.state()) {
    names.push_back(entry.name);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{
                "exp_avg.token_emb.weight", "exp_avg.model_layers.0.coupler.hyperedge_weights",
                "exp_avg.lm_head.bias", "exp_avg_sq.token_emb.weight",
                "exp_avg_sq.model_layers.0.coupler.hyperedge_weights", "exp_avg_sq.lm_head.bias",
                "step.token_emb.weight", "step.model_layers.0.coupler.hyperedge_weights",
                "step.lm_head.bias"}));
}

TEST(AdamW, RefusesAGradientWithAnotherLayout) {
  const ParameterList parameters = make_parameters();
  AdamW optimizer(parameters, {});
  at::Tensor(parameters[0].tensor).mutable_grad() = at::zeros({4, 11}).t();
  EXPECT_THROW(optimizer.step(0.1), InternalError);
}

TEST(AdamW, RepeatedRunsAreEqualToTheBit) {
  const auto train = [] {
    const ParameterList parameters = make_parameters();
    AdamW optimizer(parameters, {});
    for (int step = 0; step < 5; ++step) {
      set_gradients(parameters, step);
      clip_gradients(parameters, 0.5);
      optimizer.step(1e-3);
    }
    ParameterList all = parameters;
    for (const NamedParameter& entry : optimizer.state()) {
      all.push_back(entry);
    }
    return all;
  };
  expect_same_values(train(), train());
}

double norm_of_gradients(const ParameterList& parameters) {
  double sum = 0;
  for (const NamedParameter& parameter : parameters) {
    if (parameter.tensor.grad().defined()) {
      sum += parameter.tensor.grad().to(at::kDouble).square().sum().item<double>();
    }
  }
  return std::sqrt(sum);
}

TEST(ClipGradients, ScalesALargeNormDownToTheLimit) {
  const ParameterList parameters = make_parameters(0, at::kDouble);
  set_gradients(parameters, 1);
  const double before = norm_of_gradients(parameters);
  const at::Tensor first = parameters[0].tensor.grad().clone();
  ASSERT_GT(before, 0.5);
  const at::Tensor returned = clip_gradients(parameters, 0.5);
  EXPECT_EQ(returned.dim(), 0);
  EXPECT_FALSE(returned.requires_grad());
  EXPECT_NEAR(returned.item<double>(), before, 1e-12);
  EXPECT_NEAR(norm_of_gradients(parameters), 0.5 * before / (before + 1e-6), 1e-12);
  EXPECT_TRUE(at::allclose(parameters[0].tensor.grad(), first * (0.5 / (before + 1e-6)), 1e-12, 0));
}

TEST(ClipGradients, LeavesASmallNormToTheBit) {
  const ParameterList parameters = make_parameters();
  set_gradients(parameters, 1);
  const at::Tensor first = parameters[0].tensor.grad().clone();
  clip_gradients(parameters, 100);
  EXPECT_TRUE(same_bytes(parameters[0].tensor.grad(), first));
}

TEST(ClipGradients, ZeroSwitchesClippingOffButTheNormIsReturned) {
  const ParameterList parameters = make_parameters(0, at::kDouble);
  set_gradients(parameters, 1);
  const at::Tensor first = parameters[0].tensor.grad().clone();
  const double before = norm_of_gradients(parameters);
  EXPECT_NEAR(clip_gradients(parameters, 0).item<double>(), before, 1e-12);
  EXPECT_TRUE(same_bytes(parameters[0].tensor.grad(), first));
}

TEST(ClipGradients, IgnoresParametersWithoutGradient) {
  const ParameterList parameters = make_parameters();
  EXPECT_EQ(clip_gradients(parameters, 1).item<float>(), 0);
  at::Tensor(parameters[2].tensor).mutable_grad() = at::full({7}, 2.0);
  EXPECT_FLOAT_EQ(clip_gradients(parameters, 0).item<float>(), std::sqrt(28.0f));
}

TEST(ClipGradients, ANonFiniteGradientShowsInTheNorm) {
  const ParameterList parameters = make_parameters();
  set_gradients(parameters, 1);
  parameters[2].tensor.grad()[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(clip_gradients(parameters, 1).item<float>()));
}

}  // namespace
}  // namespace hgnn_moe
