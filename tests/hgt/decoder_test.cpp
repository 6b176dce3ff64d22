#include "hgnn_moe/hgt/decoder.h"

#include <cmath>
#include <complex>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "hgt_support.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {
namespace {

using namespace ::hgnn_moe::testing;

constexpr std::int64_t kRelations = 3, kFeatures = 6;
const HgtDecoder kKinds[] = {HgtDecoder::dot, HgtDecoder::distmult, HgtDecoder::complex,
                             HgtDecoder::rotate};

struct Model {
  explicit Model(HgtDecoder kind)
      : parameters(5, at::kDouble, at::kCPU),
        decoder(parameters, "decoder.", {kind, 2.0}, kRelations, kFeatures) {}
  Parameters parameters;
  Decoder decoder;
};

double at_element(const at::Tensor& x, std::int64_t i, std::int64_t j) {
  return x[i][j].item<double>();
}

// The definition, feature by feature.
double plain_score(HgtDecoder kind, const ParameterList& p, const at::Tensor& heads, std::int64_t i,
                   std::int64_t r, const at::Tensor& tails, std::int64_t j) {
  double sum = 0;
  if (kind == HgtDecoder::dot || kind == HgtDecoder::distmult) {
    for (std::int64_t f = 0; f < kFeatures; ++f) {
      const double weight = kind == HgtDecoder::dot ? 1.0 : at_element(p[0].tensor, r, f);
      sum += at_element(heads, i, f) * weight * at_element(tails, j, f);
    }
    return sum;
  }
  for (std::int64_t f = 0; f < kFeatures / 2; ++f) {
    const auto number = [&](const at::Tensor& x, std::int64_t row) {
      return std::complex<double>(at_element(x, row, f), at_element(x, row, f + kFeatures / 2));
    };
    const double first = at_element(p[0].tensor, r, f);
    if (kind == HgtDecoder::complex) {
      const std::complex<double> relation(first, at_element(p[1].tensor, r, f));
      sum += (number(heads, i) * relation * std::conj(number(tails, j))).real();
    } else {
      sum -= std::abs(number(heads, i) * std::polar(1.0, first) - number(tails, j));
    }
  }
  return kind == HgtDecoder::rotate ? 2.0 + sum : sum;
}

TEST(Decoder, EveryFormIsItsDefinition) {
  const at::Tensor heads = random_tensor({4, kFeatures}, 1),
                   tails = random_tensor({4, kFeatures}, 2);
  const at::Tensor candidates = random_tensor({7, kFeatures}, 3);
  const at::Tensor relations = at::tensor({2, 0, 1, 2}, at::kLong);
  for (const HgtDecoder kind : kKinds) {
    SCOPED_TRACE(static_cast<int>(kind));
    const Model model(kind);
    const ParameterList& p = model.parameters.list();
    const at::Tensor score = model.decoder.score(heads, relations, tails);
    const at::Tensor to_tails = model.decoder.score_tails(heads, relations, candidates);
    const at::Tensor to_heads = model.decoder.score_heads(tails, relations, candidates);
    EXPECT_EQ(score.sizes(), at::IntArrayRef({4}));
    EXPECT_EQ(to_tails.sizes(), at::IntArrayRef({4, 7}));
    for (std::int64_t i = 0; i < 4; ++i) {
      const auto r = relations[i].item<std::int64_t>();
      EXPECT_NEAR(score[i].item<double>(), plain_score(kind, p, heads, i, r, tails, i), 1e-12);
      for (std::int64_t j = 0; j < 7; ++j) {
        EXPECT_NEAR(at_element(to_tails, i, j), plain_score(kind, p, heads, i, r, candidates, j),
                    1e-12);
        EXPECT_NEAR(at_element(to_heads, i, j), plain_score(kind, p, candidates, j, r, tails, i),
                    1e-12);
      }
    }
  }
}

TEST(Decoder, TilesOfCandidatesChangeNothing) {
  // 2^22 elements a tile: 50 queries of 6 features against 20,000 candidates take two.
  const Model model(HgtDecoder::rotate);
  const at::Tensor heads = random_tensor({50, kFeatures}, 1);
  const at::Tensor candidates = random_tensor({20000, kFeatures}, 3);
  const at::Tensor relations = at::zeros({50}, at::kLong);
  const at::Tensor all = model.decoder.score_tails(heads, relations, candidates);
  for (const std::int64_t j : {0, 13980, 13981, 19999}) {
    const at::Tensor tails = candidates.narrow(0, j, 1).expand({50, kFeatures});
    EXPECT_TRUE(close(all.select(1, j), model.decoder.score(heads, relations, tails), 10));
  }
}

TEST(Decoder, GradientsAreThoseOfFiniteDifferences) {
  const at::Tensor relations = at::tensor({2, 0}, at::kLong);
  const std::vector<at::Tensor> inputs{random_tensor({2, kFeatures}, 1),
                                       random_tensor({3, kFeatures}, 2)};
  for (const HgtDecoder kind : kKinds) {
    const Model model(kind);
    EXPECT_TRUE(matches_finite_differences(
        [&](const auto& x) { return model.decoder.score_tails(x[0], relations, x[1]); }, inputs,
        random_tensor({2, 3}, 4)));
  }
}

// A modulus of 0 has a derivative of 0, where the square root has none.
TEST(Decoder, RotationsOntoTheTailHaveAFiniteGradient) {
  const Model model(HgtDecoder::rotate);
  const at::Tensor zeros = at::zeros({1, kFeatures}, at::kDouble);
  const at::Tensor relations = at::zeros({1}, at::kLong);
  const auto score = [&](const auto& x) { return model.decoder.score(x[0], relations, x[0]); };
  for (const at::Tensor& d : gradients(score, {zeros}, at::ones({1}, at::kDouble))) {
    EXPECT_TRUE(d.isfinite().all().item<bool>());
  }
}

TEST(Decoder, PublishesItsParameters) {
  const Model complex(HgtDecoder::complex);
  ASSERT_EQ(complex.parameters.list().size(), 2u);
  EXPECT_EQ(complex.parameters.list()[0].name, "decoder.rel_emb.weight");
  EXPECT_EQ(complex.parameters.list()[1].name, "decoder.rel_emb_im.weight");
  EXPECT_EQ(complex.parameters.list()[1].tensor.sizes(), at::IntArrayRef({3, 3}));
  EXPECT_TRUE(Model(HgtDecoder::dot).parameters.list().empty());
  EXPECT_EQ(Model(HgtDecoder::distmult).parameters.list()[0].tensor.size(1), kFeatures);
  Parameters parameters(5, at::kFloat, at::kCPU);
  EXPECT_THROW(Decoder(parameters, "", {HgtDecoder::complex}, 2, 5), InternalError);
}

}  // namespace
}  // namespace hgnn_moe::hgt
