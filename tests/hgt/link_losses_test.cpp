#include "hgnn_moe/hgt/link_losses.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace hgnn_moe::hgt {
namespace {

constexpr double kTolerance = 1e-12;  // of a few operations in float64

at::Tensor doubles(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Two targets: of the first the second candidate is no negative, of the second none is one.
struct Scores {
  at::Tensor targets_B = doubles({0.3, -1.2});
  at::Tensor scores_BC = doubles({0.5, 9.0, -0.4, 1.0, 2.0, 3.0}).reshape({2, 3});
  at::Tensor known_BC = at::tensor({0, 1, 0, 1, 1, 1}, at::kInt).to(at::kBool).reshape({2, 3});
};

TEST(LinkLossTest, BceIsTheMeanOverNegatives) {
  const Scores s;
  const double expected = -std::log(sigmoid(0.3)) -
                          0.5 * (std::log(sigmoid(-0.5)) + std::log(sigmoid(0.4))) -
                          std::log(sigmoid(-1.2));
  EXPECT_NEAR(link_loss(HgtLoss::bce, s.targets_B, s.scores_BC, s.known_BC).item<double>(),
              expected, kTolerance);
}

TEST(LinkLossTest, SoftmaxIsAmongTheTargetAndItsNegatives) {
  const Scores s;
  const double first = std::exp(0.3) / (std::exp(0.3) + std::exp(0.5) + std::exp(-0.4));
  EXPECT_NEAR(link_loss(HgtLoss::softmax, s.targets_B, s.scores_BC, s.known_BC).item<double>(),
              -std::log(first), kTolerance);
}

TEST(LinkLossTest, LargeScoresStayFiniteAndKnownOnesGetNoGradient) {
  for (const HgtLoss kind : {HgtLoss::bce, HgtLoss::softmax}) {
    Scores s;
    const at::Tensor targets = (s.targets_B * 1e4).requires_grad_();
    const at::Tensor scores = (s.scores_BC * 1e4).requires_grad_();
    const at::Tensor loss = link_loss(kind, targets, scores, s.known_BC);
    loss.backward();
    EXPECT_TRUE(loss.isfinite().item<bool>());
    EXPECT_TRUE(targets.grad().isfinite().all().item<bool>());
    EXPECT_TRUE(scores.grad().isfinite().all().item<bool>());
    EXPECT_EQ(scores.grad().masked_select(s.known_BC).abs().max().item<double>(), 0.0);
  }
}

TEST(LinkLossTest, WithoutCandidates) {
  const at::Tensor none = at::empty({2, 0}, at::kDouble);
  const at::Tensor targets = doubles({0.3, -1.2});
  EXPECT_NEAR(link_loss(HgtLoss::softmax, targets, none, none.to(at::kBool)).item<double>(), 0.0,
              kTolerance);
  EXPECT_NEAR(link_loss(HgtLoss::bce, targets, none, none.to(at::kBool)).item<double>(),
              -std::log(sigmoid(0.3)) - std::log(sigmoid(-1.2)), kTolerance);
}

TEST(ContrastLossTest, IsInfoNceOfCosines) {
  // Cosines to the first: 1, 0, -1, 1 / sqrt(2); lengths do not matter.
  const at::Tensor candidates = doubles({2, 0, 0, 3, -1, 0, 5, 5}).reshape({4, 2});
  const at::Tensor related = at::tensor({1, 0, 0, 1}, at::kInt).to(at::kBool).reshape({1, 4});
  const double partner = std::exp(std::sqrt(0.5) / 0.2);
  const double expected = -std::log(partner / (partner + std::exp(0.0) + std::exp(-1 / 0.2)));
  EXPECT_NEAR(contrast_loss(candidates, at::tensor({0}, at::kLong), at::tensor({3}, at::kLong),
                            related, 0.2)
                  .item<double>(),
              expected, kTolerance);
}

TEST(ContrastLossTest, ARowOfZerosHasAFiniteGradient) {
  const at::Tensor candidates = doubles({0, 0, 0, 3, -1, 0}).reshape({3, 2}).requires_grad_();
  const at::Tensor related = at::tensor({1, 1, 0}, at::kInt).to(at::kBool).reshape({1, 3});
  contrast_loss(candidates, at::tensor({0}, at::kLong), at::tensor({1}, at::kLong), related, 0.1)
      .backward();
  EXPECT_TRUE(candidates.grad().isfinite().all().item<bool>());
}

}  // namespace
}  // namespace hgnn_moe::hgt
