#include "hgnn_moe/hgt/link_losses.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace hgnn_moe::hgt {
namespace {

constexpr double kTolerance = 1e-12;  // of a few operations in float64

at::Tensor doubles(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Two targets: of the first the second candidate is left out, of the second all are.
struct Scores {
  at::Tensor targets_B = doubles({0.3, -1.2});
  at::Tensor scores_BC = doubles({0.5, 9.0, -0.4, 1.0, 2.0, 3.0}).reshape({2, 3});
  CandidateMarks marks = {marked({0, 1, 0, 1, 1, 1}), marked({0, 0, 0, 0, 0, 0})};

  static at::Tensor marked(const std::vector<int>& values) {
    return at::tensor(values, at::kInt).to(at::kBool).reshape({2, 3});
  }
};

// The second candidate of the first target is a target, too; the second target has no negative.
Scores with_more_targets() {
  Scores s;
  s.marks = {Scores::marked({0, 0, 0, 0, 1, 1}), Scores::marked({0, 1, 0, 1, 0, 0})};
  return s;
}

TEST(LinkLossTest, BceIsTheMeanOverNegatives) {
  const Scores s;
  const double expected = -std::log(sigmoid(0.3)) -
                          0.5 * (std::log(sigmoid(-0.5)) + std::log(sigmoid(0.4))) -
                          std::log(sigmoid(-1.2));
  EXPECT_NEAR(link_loss(HgtLoss::bce, s.targets_B, s.scores_BC, s.marks).item<double>(), expected,
              kTolerance);
}

TEST(LinkLossTest, SoftmaxIsAmongTheTargetAndItsNegatives) {
  const Scores s;
  const double first = std::exp(0.3) / (std::exp(0.3) + std::exp(0.5) + std::exp(-0.4));
  EXPECT_NEAR(link_loss(HgtLoss::softmax, s.targets_B, s.scores_BC, s.marks).item<double>(),
              -std::log(first), kTolerance);
}

TEST(LinkLossTest, KnownCandidatesShareWhatTheTargetGets) {
  const Scores s = with_more_targets();
  const double sum = std::exp(0.3) + std::exp(0.5) + std::exp(9.0) + std::exp(-0.4);
  const double first = -0.5 * (std::log(std::exp(0.3) / sum) + std::log(std::exp(9.0) / sum));
  const double both = std::exp(-1.2) + std::exp(1.0);
  const double second = -0.5 * (std::log(std::exp(-1.2) / both) + std::log(std::exp(1.0) / both));
  EXPECT_NEAR(link_loss(HgtLoss::softmax, s.targets_B, s.scores_BC, s.marks).item<double>(),
              first + second, kTolerance);
  const double bce = -0.5 * (std::log(sigmoid(0.3)) + std::log(sigmoid(9.0))) -
                     0.5 * (std::log(sigmoid(-0.5)) + std::log(sigmoid(0.4))) -
                     0.5 * (std::log(sigmoid(-1.2)) + std::log(sigmoid(1.0)));
  EXPECT_NEAR(link_loss(HgtLoss::bce, s.targets_B, s.scores_BC, s.marks).item<double>(), bce,
              kTolerance);
}

TEST(LinkLossTest, LargeScoresStayFiniteAndKnownOnesGetNoGradient) {
  for (const HgtLoss kind : {HgtLoss::bce, HgtLoss::softmax}) {
    Scores s;
    const at::Tensor targets = (s.targets_B * 1e4).requires_grad_();
    const at::Tensor scores = (s.scores_BC * 1e4).requires_grad_();
    const at::Tensor loss = link_loss(kind, targets, scores, s.marks);
    loss.backward();
    EXPECT_TRUE(loss.isfinite().item<bool>());
    EXPECT_TRUE(targets.grad().isfinite().all().item<bool>());
    EXPECT_TRUE(scores.grad().isfinite().all().item<bool>());
    EXPECT_EQ(scores.grad().masked_select(s.marks.left_out_BC).abs().max().item<double>(), 0.0);
  }
}

TEST(LinkLossTest, WithoutCandidates) {
  const at::Tensor none = at::empty({2, 0}, at::kDouble);
  const CandidateMarks marks = {none.to(at::kBool), none.to(at::kBool)};
  const at::Tensor targets = doubles({0.3, -1.2});
  EXPECT_NEAR(link_loss(HgtLoss::softmax, targets, none, marks).item<double>(), 0.0, kTolerance);
  EXPECT_NEAR(link_loss(HgtLoss::bce, targets, none, marks).item<double>(),
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
