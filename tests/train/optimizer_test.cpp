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
      optimizer.step(1e-3, clip_scale(gradient_norm(parameters), 0.5));
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

void expect_gradients_scaled(double max_norm, double expected_scale) {
  const AdamWOptions options;
  const ParameterList parameters = make_parameters(0, at::kDouble);
  const ParameterList by_hand = make_parameters(0, at::kDouble);
  AdamW clipped(parameters, options), plain(by_hand, options);
  set_gradients(parameters, 1);
  set_gradients(by_hand, 1);
  for (const NamedParameter& parameter : by_hand) parameter.tensor.grad().mul_(expected_scale);
  clipped.step(0.1, clip_scale(gradient_norm(parameters), max_norm));
  plain.step(0.1);
  // The first update of a parameter hardly depends on its gradient's size, the moments do.
  const ParameterList found = clipped.state(), expected = plain.state();
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(at::allclose(found[i].tensor, expected[i].tensor, 1e-12, 1e-18)) << found[i].name;
  }
}

// With its numbers on the device, as a captured step has them.
TEST(AdamW, AQueuedStepEqualsADirectOne) {
  const ParameterList direct = make_parameters(), queued = make_parameters();
  AdamW a(direct, {}), b(queued, {});
  for (int step = 0; step < 3; ++step) {
    set_gradients(direct, 0.3 * step);
    set_gradients(queued, 0.3 * step);
    const at::Tensor scale = at::full({}, 0.25, at::kFloat);
    const std::int64_t before = queued[0].tensor._version();
    a.step(1e-2, scale);
    b.step(at::full({}, 1e-2, at::kFloat), at::zeros({}, at::kFloat), scale);
    EXPECT_GT(queued[0].tensor._version(), before) << "what is made of it looks current";
  }
  const ParameterList a_state = a.state(), b_state = b.state();
  for (std::size_t i = 0; i < direct.size(); ++i) {
    EXPECT_TRUE(at::allclose(queued[i].tensor, direct[i].tensor, 1e-6, 1e-7)) << direct[i].name;
  }
  for (std::size_t i = 0; i < a_state.size(); ++i) {
    EXPECT_TRUE(at::allclose(b_state[i].tensor, a_state[i].tensor, 1e-6, 1e-9)) << a_state[i].name;
  }
}

TEST(AdamW, AStepThatIsLeftOutChangesNothing) {
  const ParameterList parameters = make_parameters();
  AdamW optimizer(parameters, {});
  set_gradients(parameters, 0.3);
  optimizer.step(1e-2);
  const auto copies = [](const ParameterList& list) {
    ParameterList result;
    for (const NamedParameter& p : list) result.push_back({p.name, p.tensor.detach().clone()});
    return result;
  };
  const ParameterList values = copies(parameters), state = copies(optimizer.state());
  for (const NamedParameter& p : parameters) {
    at::Tensor(p.tensor).mutable_grad().fill_(std::numeric_limits<double>::quiet_NaN());
  }
  optimizer.step(at::full({}, 1e-2, at::kFloat), at::ones({}, at::kFloat), {});
  expect_same_values(parameters, values);
  expect_same_values(optimizer.state(), state);
}

// What is written with the parameters stays current, and what is made of them does not.
TEST(AdamW, AReplayedStepCountsAsAWrite) {
  ParameterList parameters = make_parameters();
  for (NamedParameter& p : parameters) p.rounded = std::make_shared<ops::RoundedWeight>(p.tensor);
  parameters[0].rounded->values(at::kBFloat16);
  AdamW optimizer(parameters, {});
  const std::int64_t before = parameters[0].tensor._version();
  optimizer.count_replayed_step();
  EXPECT_GT(parameters[0].tensor._version(), before);
  EXPECT_TRUE(parameters[0].rounded->to_update().defined());
  EXPECT_FALSE(parameters[1].rounded->to_update().defined()) << "nobody has asked for it";
}

TEST(Clipping, ScalesALargeNormDownToTheLimit) {
  const ParameterList parameters = make_parameters(0, at::kDouble);
  set_gradients(parameters, 1);
  const double norm = norm_of_gradients(parameters);
  ASSERT_GT(norm, 0.5);
  const at::Tensor found = gradient_norm(parameters);
  EXPECT_EQ(found.dim(), 0);
  EXPECT_FALSE(found.requires_grad());
  EXPECT_NEAR(found.item<double>(), norm, 1e-12);
  EXPECT_NEAR(clip_scale(found, 0.5).item<double>(), 0.5 / (norm + 1e-6), 1e-15);
  expect_gradients_scaled(0.5, 0.5 / (norm + 1e-6));
}

TEST(Clipping, LeavesASmallNormToTheBit) {
  const ParameterList parameters = make_parameters();
  set_gradients(parameters, 1);
  EXPECT_EQ(clip_scale(gradient_norm(parameters), 100).item<float>(), 1.0f);
  expect_gradients_scaled(100, 1.0);
}

TEST(Clipping, ZeroSwitchesItOff) {
  const ParameterList parameters = make_parameters();
  set_gradients(parameters, 1);
  EXPECT_FALSE(clip_scale(gradient_norm(parameters), 0).defined());
  expect_gradients_scaled(0, 1.0);
}

TEST(Clipping, IgnoresParametersWithoutGradient) {
  const ParameterList parameters = make_parameters();
  EXPECT_EQ(gradient_norm(parameters).item<float>(), 0);
  at::Tensor(parameters[2].tensor).mutable_grad() = at::full({7}, 2.0);
  EXPECT_FLOAT_EQ(gradient_norm(parameters).item<float>(), std::sqrt(28.0f));
}

TEST(Clipping, ANonFiniteGradientShowsInTheNorm) {
  const ParameterList parameters = make_parameters();
  set_gradients(parameters, 1);
  parameters[2].tensor.grad()[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(gradient_norm(parameters).item<float>()));
}

// A parameter with rounded values: updated together, or left to be made again.
TEST(AdamW, WritesTheRoundedValuesThatAreCurrent) {
  ParameterList parameters = make_parameters();
  for (NamedParameter& parameter : parameters) {
    parameter.rounded = std::make_shared<ops::RoundedWeight>(parameter.tensor);
  }
  AdamW optimizer(parameters, {});
  const at::Tensor kept = parameters[0].rounded->values(at::kBFloat16);
  parameters[1].rounded->values(at::kBFloat16);
  at::Tensor(parameters[1].tensor).detach().add_(1);  // stale before the update
  set_gradients(parameters, 1);
  optimizer.step(0.1);
  ASSERT_TRUE(parameters[0].rounded->to_update().defined()) << "it is to stay current";
  EXPECT_TRUE(at::equal(kept, parameters[0].tensor.to(at::kBFloat16)));
  EXPECT_FALSE(parameters[1].rounded->to_update().defined());
  EXPECT_FALSE(parameters[2].rounded->to_update().defined()) << "nobody asked for it";
  for (const NamedParameter& parameter : parameters) {
    EXPECT_TRUE(
        at::equal(parameter.rounded->values(at::kBFloat16), parameter.tensor.to(at::kBFloat16)));
  }
}

}  // namespace
}  // namespace hgnn_moe
