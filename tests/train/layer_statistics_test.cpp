// Against plain loops over the formulas of docs/diagnostics.md.
#include "hgnn_moe/train/layer_statistics.h"

#include <cmath>
#include <limits>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace hgnn_moe {
namespace {

using testing::random_tensor;

constexpr std::int64_t kTokens = 7, kExperts = 3, kDim = 4;

double at3(const at::Tensor& x, std::int64_t n, std::int64_t e, std::int64_t d) {
  return x[n][e][d].item<double>();
}

// Columns centred: [N][D] of expert e.
std::vector<std::vector<double>> centred(const at::Tensor& x_NED, std::int64_t e) {
  std::vector<std::vector<double>> rows(kTokens, std::vector<double>(kDim));
  for (std::int64_t d = 0; d < kDim; ++d) {
    double mean = 0;
    for (std::int64_t n = 0; n < kTokens; ++n) mean += at3(x_NED, n, e, d) / kTokens;
    for (std::int64_t n = 0; n < kTokens; ++n) rows[n][d] = at3(x_NED, n, e, d) - mean;
  }
  return rows;
}

// The squared Frobenius norm of Y^T X, feature by feature.
double cross(const std::vector<std::vector<double>>& x, const std::vector<std::vector<double>>& y) {
  double sum = 0;
  for (std::int64_t i = 0; i < kDim; ++i) {
    for (std::int64_t j = 0; j < kDim; ++j) {
      double product = 0;
      for (std::int64_t n = 0; n < kTokens; ++n) product += y[n][i] * x[n][j];
      sum += product * product;
    }
  }
  return sum;
}

double plain_energy(const at::Tensor& x_NED, const at::Tensor& mixing) {
  const std::int64_t experts = mixing.size(0);
  const auto entry = [&](std::int64_t i, std::int64_t j) {
    if (i == j) return 0.0;
    return (std::abs(mixing[i][j].item<double>()) + std::abs(mixing[j][i].item<double>())) / 2;
  };
  std::vector<double> degrees(experts, 0.0);
  for (std::int64_t i = 0; i < experts; ++i) {
    for (std::int64_t j = 0; j < experts; ++j) degrees[i] += entry(i, j);
  }
  double energy = 0, size = 0;
  for (std::int64_t n = 0; n < x_NED.size(0); ++n) {
    for (std::int64_t d = 0; d < x_NED.size(2); ++d) {
      for (std::int64_t i = 0; i < experts; ++i) {
        size += std::pow(at3(x_NED, n, i, d), 2);
        for (std::int64_t j = 0; j < experts; ++j) {
          const double difference = at3(x_NED, n, i, d) / std::sqrt(1 + degrees[i]) -
                                    at3(x_NED, n, j, d) / std::sqrt(1 + degrees[j]);
          energy += 0.5 * entry(i, j) * difference * difference;
        }
      }
    }
  }
  return energy / size;
}

at::Tensor matrix(std::vector<double> values, std::int64_t size) {
  return at::tensor(values, at::kDouble).view({size, size});
}

TEST(LayerStatistics, NormsAreMeansOverTokens) {
  const at::Tensor x_NED = random_tensor({kTokens, kExperts, kDim}, 1);
  const at::Tensor norms_E = expert_norms(x_NED.to(at::kFloat));
  ASSERT_EQ(norms_E.scalar_type(), at::kDouble);
  for (std::int64_t e = 0; e < kExperts; ++e) {
    double mean = 0;
    for (std::int64_t n = 0; n < kTokens; ++n) {
      double squares = 0;
      for (std::int64_t d = 0; d < kDim; ++d) squares += std::pow(at3(x_NED, n, e, d), 2);
      mean += std::sqrt(squares) / kTokens;
    }
    EXPECT_NEAR(norms_E[e].item<double>(), mean, 1e-6);
  }
}

TEST(LayerStatistics, AlignmentIsThatOfCentredFeatures) {
  // A common shift, which centring has to remove.
  const at::Tensor x_NED = random_tensor({kTokens, kExperts, kDim}, 2) + 3;
  const at::Tensor cka_EE = linear_cka(x_NED);
  for (std::int64_t i = 0; i < kExperts; ++i) {
    for (std::int64_t j = 0; j < kExperts; ++j) {
      const auto x = centred(x_NED, i), y = centred(x_NED, j);
      const double expected = cross(x, y) / std::sqrt(cross(x, x) * cross(y, y));
      EXPECT_NEAR(cka_EE[i][j].item<double>(), expected, 1e-12) << i << ", " << j;
    }
  }
  EXPECT_LT(cka_EE[0][1].item<double>(), 0.99) << "the case tells nothing";
}

TEST(LayerStatistics, AlignmentIsBlindToTurningScalingAndShifting) {
  const at::Tensor x_ND = random_tensor({kTokens, kDim}, 3),
                   y_ND = random_tensor({kTokens, kDim}, 4);
  const at::Tensor turn_DD = std::get<0>(at::linalg_qr(random_tensor({kDim, kDim}, 5)));
  const at::Tensor moved_ND = at::mm(x_ND, turn_DD) * 2.5 - 1;
  const at::Tensor cka_EE = linear_cka(at::stack({x_ND, moved_ND, y_ND}, 1));
  EXPECT_NEAR(cka_EE[0][1].item<double>(), 1, 1e-12);
  EXPECT_NEAR(cka_EE[0][2].item<double>(), cka_EE[1][2].item<double>(), 1e-12);
}

TEST(LayerStatistics, AlignmentOfOneTokenDoesNotExist) {
  const at::Tensor cka_EE = linear_cka(random_tensor({1, 2, kDim}, 6));
  EXPECT_TRUE(cka_EE.isnan().all().item<bool>()) << cka_EE;
}

TEST(LayerStatistics, EnergyIsTheSumOverEdges) {
  const at::Tensor x_NED = random_tensor({kTokens, kExperts, kDim}, 7);
  // Neither symmetric nor without a diagonal nor positive.
  const at::Tensor mixing = matrix({0.5, -0.2, 0.3, 0.1, 0.7, 0.0, 0.9, 0.4, -0.6}, 3);
  EXPECT_NEAR(dirichlet_energy(x_NED, mixing), plain_energy(x_NED, mixing), 1e-13);
  // Scaling the features changes nothing, and the diagonal is no edge.
  EXPECT_NEAR(dirichlet_energy(x_NED * 3, mixing), dirichlet_energy(x_NED, mixing), 1e-13);
  EXPECT_NEAR(dirichlet_energy(x_NED, mixing + at::eye(3, at::kDouble)),
              dirichlet_energy(x_NED, mixing), 1e-13);
}

TEST(LayerStatistics, EnergyBetweenItsEnds) {
  const at::Tensor pair = matrix({0.5, 0.5, 0.5, 0.5}, 2);
  const at::Tensor x_ND = random_tensor({kTokens, kDim}, 8);
  EXPECT_NEAR(dirichlet_energy(at::stack({x_ND, x_ND}, 1), pair), 0, 1e-14) << "all say the same";
  // 1/2 * 2 * 1/2 * |2x|^2 / 1.5 of 2 |x|^2.
  EXPECT_NEAR(dirichlet_energy(at::stack({x_ND, -x_ND}, 1), pair), 2.0 / 3, 1e-14);
  EXPECT_EQ(dirichlet_energy(at::stack({x_ND, -x_ND}, 1), matrix({1, 0, 0, 1}, 2)), 0)
      << "there is no edge";
  EXPECT_TRUE(std::isnan(dirichlet_energy(at::zeros({2, 2, 2}), pair)));
}

TEST(LayerStatistics, ACommonScaleOfTheMixingDropsOut) {
  const at::Tensor mixing = matrix({0.5, -0.2, 0.3, 0.1, 0.7, 0.0, 0.9, 0.4, -0.6}, 3);
  const at::Tensor relative = relative_mixing(mixing);
  EXPECT_NEAR(at::linalg_eigvals(relative).abs().max().item<double>(), 1, 1e-12);
  EXPECT_TRUE(at::allclose(relative_mixing(mixing.to(at::kFloat) * -3), -relative, 0, 1e-6));
  const at::Tensor stochastic = matrix({0.5, 0.5, 0.25, 0.75}, 2);
  EXPECT_TRUE(at::allclose(relative_mixing(stochastic), stochastic, 0, 1e-14));
  EXPECT_TRUE(
      at::equal(relative_mixing(at::zeros({2, 2}, at::kDouble)), at::zeros({2, 2}, at::kDouble)));
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(relative_mixing(matrix({1, inf, 0, 1}, 2)).isinf().any().item<bool>());
}

TEST(LayerStatistics, SecondEigenvalue) {
  // 1/2 I + 1/2 J/3, whose eigenvalues are 1, 1/2, 1/2.
  const double a = 2.0 / 3, b = 1.0 / 6;
  EXPECT_NEAR(second_eigenvalue(matrix({a, b, b, b, a, b, b, b, a}, 3)), 0.5, 1e-12);
  // Sorted by size, whatever the sign: -0.9 and 0.2.
  EXPECT_NEAR(second_eigenvalue(matrix({0.2, 0, 0, -0.9}, 2)), 0.2, 1e-12);
  // A turn by 90 degrees: i and -i.
  EXPECT_NEAR(second_eigenvalue(matrix({0, -1, 1, 0}, 2)), 1, 1e-12);
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(std::isnan(second_eigenvalue(matrix({1, inf, 0, 1}, 2))));
}

}  // namespace
}  // namespace hgnn_moe
