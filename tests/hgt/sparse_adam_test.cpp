#include "hgnn_moe/hgt/sparse_adam.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "hgt_support.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {
namespace {

using namespace ::hgnn_moe::testing;
using Nodes = std::vector<std::int32_t>;

constexpr double kRate = 0.01;

NamedParameter make_table(at::ScalarType type = at::kDouble) {
  return {"node_emb.weight", random_tensor({6, 3}, 1).to(type)};
}

// The formula of torch.optim.SparseAdam, element by element.
struct PlainAdam {
  explicit PlainAdam(const at::Tensor& table)
      : x(table.clone()), m(at::zeros_like(x)), v(at::zeros_like(x)) {}

  void step(const Nodes& nodes, const at::Tensor& gradient) {
    ++t;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (std::int64_t f = 0; f < x.size(1); ++f) {
        const double g = gradient[static_cast<std::int64_t>(i)][f].item<double>();
        double* const at = x.mutable_data_ptr<double>() + nodes[i] * x.size(1) + f;
        double* const mean = m.mutable_data_ptr<double>() + nodes[i] * x.size(1) + f;
        double* const square = v.mutable_data_ptr<double>() + nodes[i] * x.size(1) + f;
        *mean = 0.9 * *mean + 0.1 * g;
        *square = 0.999 * *square + 0.001 * g * g;
        *at -= kRate * std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(0.9, t)) * *mean /
               (std::sqrt(*square) + 1e-8);
      }
    }
  }

  at::Tensor x, m, v;
  int t = 0;
};

TEST(SparseAdam, FollowsTheFormulaOnTheRowsOfTheGradientAlone) {
  const NamedParameter table = make_table();
  const at::Tensor before = table.tensor.clone();
  PlainAdam plain(table.tensor);
  SparseAdam optimizer(table, {});
  const Nodes batches[] = {{0, 4}, {4, 5}, {}, {0, 1, 4}};
  std::uint64_t seed = 9;
  for (const Nodes& nodes : batches) {
    const at::Tensor gradient = random_tensor({static_cast<std::int64_t>(nodes.size()), 3}, ++seed);
    optimizer.add(nodes, gradient);
    optimizer.step(kRate);
    plain.step(nodes, gradient);
    EXPECT_TRUE(close(table.tensor, plain.x, 4));
  }
  EXPECT_TRUE(close(optimizer.state()[0].tensor, plain.m, 4));
  EXPECT_TRUE(close(optimizer.state()[1].tensor, plain.v, 4));
  EXPECT_EQ(optimizer.state()[2].tensor.item<double>(), 4.0);
  EXPECT_TRUE(at::equal(table.tensor.narrow(0, 2, 2), before.narrow(0, 2, 2)));
  EXPECT_FALSE(at::equal(table.tensor[5], before[5]));
}

// Micro-batches of one step are summed, whatever rows they share.
TEST(SparseAdam, AddsUpGradientsBeforeAStep) {
  const NamedParameter once = make_table(), pieces = make_table();
  SparseAdam one(once, {}), several(pieces, {});
  const at::Tensor a = random_tensor({3, 3}, 2), b = random_tensor({2, 3}, 3);
  at::Tensor sum = at::zeros({4, 3}, at::kDouble);  // rows 0, 2, 3, 5
  sum.index_add_(0, at::tensor({0, 1, 3}, at::kLong), a);
  sum.index_add_(0, at::tensor({1, 2}, at::kLong), b);
  one.add({0, 2, 3, 5}, sum);
  several.add({0, 2, 5}, a);
  several.add({2, 3}, b);
  EXPECT_NEAR(several.gradient_norm(), sum.norm().item<double>(), 1e-12);
  one.step(kRate);
  several.step(kRate);
  EXPECT_TRUE(at::equal(once.tensor, pieces.tensor));
  EXPECT_EQ(several.gradient_norm(), 0.0);
}

// More rows than are updated at a time.
TEST(SparseAdam, ALongTableIsUpdatedInPieces) {
  constexpr std::int64_t kRows = 20'000;
  const NamedParameter table{"node_emb.weight", random_tensor({kRows, 2}, 1)};
  PlainAdam plain(table.tensor);
  SparseAdam optimizer(table, {});
  Nodes nodes;
  for (std::int32_t node = 1; node < kRows; ++node) nodes.push_back(node);
  for (const std::uint64_t seed : {2, 3}) {
    const at::Tensor gradient = random_tensor({kRows - 1, 2}, seed);
    optimizer.add(nodes, gradient);
    EXPECT_NEAR(optimizer.gradient_norm(), gradient.norm().item<double>(), 1e-9);
    optimizer.step(kRate);
    const double* const values = gradient.const_data_ptr<double>();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (int f = 0; f < 2; ++f) {
        const auto at = static_cast<std::size_t>(2 * nodes[i] + f);
        double& m = plain.m.mutable_data_ptr<double>()[at];
        double& v = plain.v.mutable_data_ptr<double>()[at];
        const double g = values[2 * i + static_cast<std::size_t>(f)];
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
      }
    }
  }
  EXPECT_TRUE(close(optimizer.state()[0].tensor, plain.m, 4));
  EXPECT_TRUE(close(optimizer.state()[1].tensor, plain.v, 4));
}

TEST(SparseAdam, ScalesGradientsAsClippingAsks) {
  const NamedParameter scaled = make_table(), plain = make_table();
  SparseAdam first(scaled, {}), second(plain, {});
  const at::Tensor gradient = random_tensor({2, 3}, 2);
  first.add({1, 2}, gradient);
  first.step(kRate, at::full({}, 0.25, at::kDouble));
  second.add({1, 2}, gradient * 0.25);
  second.step(kRate);
  EXPECT_TRUE(at::equal(scaled.tensor, plain.tensor));
}

TEST(SparseAdam, ARestoredStateContinuesToTheBit) {
  const NamedParameter straight = make_table(at::kFloat), resumed = make_table(at::kFloat);
  SparseAdam whole(straight, {});
  const auto gradient = [](int step) { return random_tensor({2, 3}, 30 + step).to(at::kFloat); };
  const auto update = [&](SparseAdam& optimizer, int step) {
    optimizer.add({step % 2, 3}, gradient(step));
    optimizer.step(kRate);
  };
  for (int step = 0; step < 3; ++step) update(whole, step);
  ParameterList saved = whole.state();
  SparseAdam restored(resumed, {});
  resumed.tensor.copy_(straight.tensor);
  for (std::size_t i = 0; i < saved.size(); ++i) {
    EXPECT_EQ(restored.state()[i].name, saved[i].name);
    restored.state()[i].tensor.copy_(saved[i].tensor);
  }
  update(whole, 3);
  update(restored, 3);
  EXPECT_TRUE(at::equal(straight.tensor, resumed.tensor));
}

TEST(SparseAdam, RefusesRowsThatDoNotFit) {
  SparseAdam optimizer(make_table(), {});
  EXPECT_THROW(optimizer.add({0}, at::zeros({2, 3}, at::kDouble)), InternalError);
  EXPECT_THROW(optimizer.add({6}, at::zeros({1, 3}, at::kDouble)), InternalError);
  EXPECT_THROW(optimizer.add({-1}, at::zeros({1, 3}, at::kDouble)), InternalError);
  EXPECT_THROW(optimizer.add({2, 2}, at::zeros({2, 3}, at::kDouble)), InternalError);
  EXPECT_THROW(optimizer.add({2, 1}, at::zeros({2, 3}, at::kDouble)), InternalError);
}

}  // namespace
}  // namespace hgnn_moe::hgt
