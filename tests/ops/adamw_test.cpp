#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "src/ops/adamw_kernels.h"
#include "tests/ops/expert_block_cases.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {
namespace {

using testing::close;
using testing::random_tensor;

constexpr AdamWNumbers kNumbers{1e-2, 0.9, 0.999, 1e-8, 0.1};
const std::vector<std::int64_t> kSizes{1, 7, 16, 17, 0, 1000, 40000};

// Arrays that end anywhere in a vector and one of several blocks.
std::vector<AdamWParameter> make_parameters(GuardedTensors& guarded, at::ScalarType type,
                                            bool rounded) {
  std::vector<AdamWParameter> parameters;
  std::uint64_t seed = 1;
  for (const std::int64_t size : kSizes) {
    const auto make = [&](double scale, at::ScalarType of) {
      const at::Tensor tensor = guarded.make({size}, of);
      tensor.copy_(scale * random_tensor({size}, seed++));
      return tensor;
    };
    AdamWParameter p{make(1, type), make(0.1, type),           make(0, type),
                     make(0, type), at::zeros({}, at::kFloat), {}};
    if (rounded) p.rounded = make(1, at::kBFloat16);
    parameters.push_back(p);
  }
  return parameters;
}

// The formula of train/optimizer.h in float64, on copies.
struct Formula {
  explicit Formula(const std::vector<AdamWParameter>& parameters) {
    for (const AdamWParameter& p : parameters) {
      x.push_back(p.value.to(at::kDouble).clone());
      m.push_back(at::zeros_like(x.back()));
      v.push_back(at::zeros_like(x.back()));
    }
  }

  void step(const std::vector<AdamWParameter>& parameters, double gradient_scale) {
    const AdamWNumbers& n = kNumbers;
    t += 1;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const at::Tensor g = parameters[i].gradient.to(at::kDouble) * gradient_scale;
      x[i] = x[i] - n.learning_rate * n.weight_decay * x[i];
      m[i] = n.beta1 * m[i] + (1 - n.beta1) * g;
      v[i] = n.beta2 * v[i] + (1 - n.beta2) * g * g;
      x[i] = x[i] - n.learning_rate * (m[i] / (1 - std::pow(n.beta1, t))) /
                        (at::sqrt(v[i] / (1 - std::pow(n.beta2, t))) + n.epsilon);
    }
  }

  std::vector<at::Tensor> x, m, v;
  int t = 0;
};

void update(Implementation implementation, std::vector<AdamWParameter>& parameters,
            double gradient_scale) {
  if (implementation == kAten) {
    // Its gradients hold the scaled ones afterwards.
    std::vector<AdamWParameter> copies = parameters;
    for (AdamWParameter& p : copies) p.gradient = p.gradient.clone();
    adamw_reference(copies, kNumbers,
                    at::scalar_tensor(gradient_scale, parameters.front().value.options()));
    return;
  }
  for (AdamWParameter& p : parameters) p.step.add_(1);
  adamw_cpu(*implementation, parameters, kNumbers, gradient_scale);
}

TEST(AdamWPass, FollowsTheFormula) {
  std::vector<Implementation> implementations = cpu_implementations();
  implementations.push_back(kAten);
  for (const Implementation implementation : implementations) {
    for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
      for (const double gradient_scale : {1.0, 0.3}) {
        SCOPED_TRACE(::testing::Message()
                     << (implementation ? name_of(*implementation) : "ATen") << ", " << type
                     << ", gradients times " << gradient_scale);
        GuardedTensors guarded;
        auto parameters = make_parameters(guarded, type, /*rounded=*/type == at::kFloat);
        Formula expected(parameters);
        for (int step = 0; step < 4; ++step) {
          for (AdamWParameter& p : parameters) p.gradient.mul_(-1.1);
          update(implementation, parameters, gradient_scale);
          expected.step(parameters, gradient_scale);
        }
        for (std::size_t i = 0; i < parameters.size(); ++i) {
          const AdamWParameter& p = parameters[i];
          if (p.value.numel() == 0) continue;
          EXPECT_TRUE(close(p.value, expected.x[i], 8)) << "parameter " << i;
          EXPECT_TRUE(close(p.exp_avg, expected.m[i], 2)) << "parameter " << i;
          EXPECT_TRUE(close(p.exp_avg_sq * 1e3, expected.v[i] * 1e3, 2)) << "parameter " << i;
          EXPECT_EQ(p.step.item<float>(), 4);
          if (!p.rounded.defined()) continue;
          EXPECT_TRUE(at::equal(p.rounded, p.value.to(at::kBFloat16))) << "parameter " << i;
        }
        EXPECT_TRUE(guarded.intact());
      }
    }
  }
}

TEST(AdamWPass, ThreadsChangeNoBit) {
  for_each_isa([](CpuIsa isa) {
    expect_equal_over_threads([&] {
      GuardedTensors guarded;
      auto parameters = make_parameters(guarded, at::kFloat, /*rounded=*/true);
      update(isa, parameters, 0.7);
      std::vector<at::Tensor> results;
      for (const AdamWParameter& p : parameters) {
        for (const at::Tensor& t : {p.value, p.exp_avg, p.exp_avg_sq, p.rounded}) {
          results.push_back(t);
        }
      }
      return results;
    });
  });
}

// Elements whose bits PyTorch's cast treats one by one: NaNs, infinities, what overflows, denormal
// ones, ties of both kinds.
at::Tensor special_values(std::int64_t size) {
  const std::vector<std::int32_t> bits{0x7FC00000, -0x400000,  0x7F800001, 0x7F800000, -0x800000,
                                       0x7F7FFFFF, 0x00000001, 0x00007FFF, 0x00008000, 0x00018000,
                                       0x007FFFFF, 0x3F808000, 0x3F818000, 0x3F808001, 0x3F80FFFF,
                                       0x00000000, 0x0000C000};
  const at::Tensor all = at::tensor(bits, at::kInt).view(at::kFloat);
  return all.repeat({(size + all.size(0) - 1) / all.size(0)}).narrow(0, 0, size).contiguous();
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return at::equal(a.contiguous().view(at::kShort), b.contiguous().view(at::kShort));
}

// A rate of zero leaves values to the bit, so that any can be tried.
TEST(AdamWPass, RoundedValuesAreThoseOfACast) {
  for_each_isa([](CpuIsa isa) {
    for (const std::int64_t size : {1, 5, 17, 33, 100}) {
      const at::Tensor values = special_values(size), zeros = at::zeros_like(values);
      GuardedTensors guarded;
      std::vector<AdamWParameter> parameters{{values.clone(), zeros, zeros.clone(), zeros.clone(),
                                              at::ones({}, at::kFloat),
                                              guarded.make({size}, at::kBFloat16)}};
      adamw_cpu(isa, parameters, {0.0, 0.9, 0.999, 1e-8, 0.1}, 1.0);
      EXPECT_TRUE(same_bits(parameters[0].rounded, values.to(at::kBFloat16))) << size;
      EXPECT_TRUE(guarded.intact());
    }
  });
}

TEST(AdamWPass, CountsItsWrites) {
  GuardedTensors guarded;
  const auto parameters = make_parameters(guarded, at::kFloat, /*rounded=*/true);
  const AdamWParameter& p = parameters.front();
  for (const at::Tensor& written : {p.value, p.exp_avg, p.exp_avg_sq, p.rounded, p.step}) {
    const std::int64_t before = written._version();
    adamw(parameters, kNumbers, {});
    EXPECT_GT(written._version(), before);
  }
  const std::int64_t before = p.gradient._version();
  adamw(parameters, kNumbers, at::scalar_tensor(0.5f));
  EXPECT_EQ(p.gradient._version(), before);
}

TEST(AdamWPass, RefusesArraysOfAnotherLayout) {
  GuardedTensors guarded;
  auto parameters = make_parameters(guarded, at::kFloat, /*rounded=*/true);
  parameters[1].rounded = parameters[2].rounded;
  EXPECT_THROW(adamw(parameters, kNumbers, {}), InternalError);
}

TEST(JointNorm, IsTheNormOfAllElements) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    std::vector<at::Tensor> tensors;
    at::Tensor squares = at::zeros({}, at::kDouble);
    for (const std::int64_t size : kSizes) {
      tensors.push_back(random_tensor({size}, 1 + static_cast<std::uint64_t>(size)).to(type));
      squares = squares + tensors.back().to(at::kDouble).square().sum();
    }
    for_each_isa([&](CpuIsa isa) {
      const double sum = sum_of_squares_cpu(isa, tensors);
      EXPECT_NEAR(sum, squares.item<double>(), 1e-11 * squares.item<double>());
    });
    EXPECT_TRUE(close(joint_norm(tensors), squares.sqrt(), 1e3));
    EXPECT_TRUE(close(joint_norm_reference(tensors), squares.sqrt(), 1e3));
    EXPECT_EQ(joint_norm(tensors).scalar_type(), type);
  }
}

TEST(JointNorm, ThreadsChangeNoBit) {
  const std::vector<at::Tensor> tensors{random_tensor({100003}, 1).to(at::kFloat),
                                        random_tensor({5}, 2).to(at::kFloat),
                                        random_tensor({70001}, 3).to(at::kFloat)};
  for_each_isa([&](CpuIsa isa) {
    expect_equal_over_threads([&]() -> std::vector<at::Tensor> {
      return {at::scalar_tensor(sum_of_squares_cpu(isa, tensors), at::kDouble)};
    });
  });
}

TEST(JointNorm, LargeElementsDoNotOverflowAndNaNIsKept) {
  std::vector<at::Tensor> tensors{at::full({9}, 1e30f), at::full({16}, 0.0f)};
  EXPECT_NEAR(joint_norm(tensors).item<float>(), 3e30f, 1e25f);
  tensors[1][3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(joint_norm(tensors).item<float>()));
}

}  // namespace
}  // namespace hgnn_moe::ops
