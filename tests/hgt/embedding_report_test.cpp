#include "hgnn_moe/hgt/embedding_report.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "src/hgt/distinct_rows.h"
#include "src/hgt/row_samples.h"
#include "tests/hgt/embedding_cases.h"

namespace hgnn_moe::hgt {
namespace {

using testing::constant;
using testing::embeddings_of;
using testing::gaussian;
using testing::of_rank;
using testing::rotation;
using testing::two_groups;

constexpr double kTolerance = 1e-9;

double cosine(const at::Tensor& a, const at::Tensor& b) {
  return (a.dot(b) / (a.norm() * b.norm())).item<double>();
}

// The mean over pairs that `wants` takes, one after the other.
template <typename Wants, typename Value>
double mean_over_pairs(std::int64_t nodes, Wants wants, Value value) {
  double sum = 0.0;
  std::int64_t pairs = 0;
  for (std::int64_t i = 0; i < nodes; ++i) {
    for (std::int64_t j = 0; j < nodes; ++j) {
      if (i == j || !wants(i, j)) continue;
      sum += value(i, j);
      ++pairs;
    }
  }
  return sum / static_cast<double>(pairs);
}

Embeddings three_types() {
  return embeddings_of({{"drug", gaussian(13, 6, 1) + constant(13, 6, 4)},
                        {"gene", gaussian(9, 6, 2) - 0.5 * constant(9, 6, 5)},
                        {"disease", gaussian(4, 6, 3)}});
}

at::Tensor rows_about_means(const Embeddings& embeddings) {
  const at::Tensor rows = embeddings.values_NF.to(at::kDouble);
  std::vector<at::Tensor> centred;
  std::int64_t first = 0;
  for (std::size_t type = 0; type < embeddings.type_names.size(); ++type) {
    std::int64_t count = 0;
    for (const std::int32_t t : embeddings.node_types) count += t == static_cast<int>(type);
    const at::Tensor own = rows.narrow(0, first, count);
    centred.push_back(own - own.mean(0));
    first += count;
  }
  return at::cat(centred);
}

TEST(EmbeddingReport, CosinesAreThoseOfAllPairs) {
  const Embeddings embeddings = three_types();
  const EmbeddingReport report = report_on(embeddings, 1);
  const at::Tensor raw = embeddings.values_NF.to(at::kDouble);
  const at::Tensor centred = rows_about_means(embeddings);
  const auto type = [&](std::int64_t node) { return embeddings.node_types[node]; };
  const auto expect = [&](const MeanCosine& found, auto wants) {
    const std::int64_t nodes = embeddings.nodes();
    EXPECT_NEAR(
        *found.raw,
        mean_over_pairs(nodes, wants, [&](auto i, auto j) { return cosine(raw[i], raw[j]); }),
        kTolerance);
    EXPECT_NEAR(*found.centred,
                mean_over_pairs(nodes, wants,
                                [&](auto i, auto j) { return cosine(centred[i], centred[j]); }),
                kTolerance);
  };
  expect(report.all.cosine, [](auto, auto) { return true; });
  expect(report.within, [&](auto i, auto j) { return type(i) == type(j); });
  expect(report.all.across, [&](auto i, auto j) { return type(i) != type(j); });
  for (const int t : {0, 1, 2}) {
    expect(report.types[t].cosine, [&](auto i, auto j) { return type(i) == t && type(j) == t; });
    expect(report.types[t].across, [&](auto i, auto j) { return type(i) == t && type(j) != t; });
  }
}

TEST(EmbeddingReport, UniformityAndAlignmentAreThoseOfTheirPairs) {
  const Embeddings embeddings = three_types();
  const PositivePairs pairs{{0, 3, 14, 25}, {1, 20, 2, 0}, 7};
  const EmbeddingReport report = report_on(embeddings, 1, pairs);
  const at::Tensor rows = embeddings.values_NF.to(at::kDouble);
  const at::Tensor unit = rows / rows.norm(2, 1, true);
  const auto square_distance = [&](std::int64_t i, std::int64_t j) {
    const at::Tensor difference = unit[i] - unit[j];
    return difference.dot(difference).item<double>();
  };
  const double kernel = mean_over_pairs(
      26, [](auto, auto) { return true; },
      [&](auto i, auto j) { return std::exp(-2.0 * square_distance(i, j)); });
  EXPECT_NEAR(*report.all.uniformity.value, std::log(kernel), kTolerance);
  EXPECT_EQ(report.all.uniformity.nodes, 26);
  double sum = 0.0;
  for (int p : {0, 1, 2, 3}) sum += square_distance(pairs.heads[p], pairs.tails[p]);
  EXPECT_NEAR(report.alignment->value, sum / 4.0, kTolerance);
  EXPECT_EQ(report.alignment->pairs, 4);
  EXPECT_EQ(report.alignment->left_out, 7);
  EXPECT_FALSE(report_on(embeddings, 1).alignment);
}

TEST(EmbeddingReport, UniformityIsTheSameWhateverTheTiles) {
  // 1,100 rows are three tiles a side; the first 512 alone are one.
  const at::Tensor rows = gaussian(1100, 5, 3);
  const at::Tensor unit = rows.to(at::kFloat).to(at::kDouble);
  const at::Tensor normed = unit / unit.norm(2, 1, true);
  const at::Tensor cosines = normed.mm(normed.t());
  const double sum = (4.0 * cosines - 4.0).exp().sum().item<double>() - 1100.0;
  EXPECT_NEAR(*report_on(embeddings_of({{"drug", rows}}), 1).all.uniformity.value,
              std::log(sum / (1100.0 * 1099.0)), 1e-10);
}

// Singular values of centred rows, by another routine than the report's.
void expect_spectrum(const Spectrum& spectrum, const at::Tensor& centred, std::int64_t degrees) {
  const at::Tensor singular = at::linalg_svdvals(centred);
  std::vector<double> sigma(singular.const_data_ptr<double>(),
                            singular.const_data_ptr<double>() + singular.numel());
  EXPECT_EQ(spectrum.possible, std::min(degrees, centred.size(1)));
  sigma.resize(static_cast<std::size_t>(spectrum.possible));
  ASSERT_EQ(spectrum.variances.size(), sigma.size());
  const double total = std::accumulate(sigma.begin(), sigma.end(), 0.0);
  double entropy = 0.0, squares = 0.0, fourths = 0.0;
  for (std::size_t i = 0; i < sigma.size(); ++i) {
    const double variance = sigma[i] * sigma[i] / static_cast<double>(degrees);
    EXPECT_NEAR(spectrum.variances[i], variance, 1e-10 * sigma[0] * sigma[0]);
    const double share = sigma[i] / total;
    entropy -= share * std::log(share);
    squares += variance;
    fourths += variance * variance;
  }
  EXPECT_NEAR(spectrum.effective_rank, std::exp(entropy), 1e-6 * spectrum.effective_rank);
  EXPECT_NEAR(spectrum.participation_ratio, squares * squares / fourths, 1e-8);
  double held = 0.0;
  std::int64_t components = 0;
  while (held < 0.9 * squares) held += spectrum.variances[static_cast<std::size_t>(components++)];
  EXPECT_EQ(spectrum.components_90, components);
}

TEST(EmbeddingReport, SpectraAreThoseOfTheSingularValues) {
  for (const auto& [rows, width] : {std::pair(50, 8), {8, 50}, {20, 20}, {2, 3}, {5000, 4}}) {
    SCOPED_TRACE(rows);
    const Embeddings embeddings = embeddings_of({{"drug", gaussian(rows, width, 3) + 2.0}});
    const at::Tensor values = embeddings.values_NF.to(at::kDouble);
    expect_spectrum(report_on(embeddings, 1).types[0].spectrum, values - values.mean(0), rows - 1);
  }
  const Embeddings embeddings = three_types();
  const EmbeddingReport report = report_on(embeddings, 1);
  const at::Tensor values = embeddings.values_NF.to(at::kDouble);
  expect_spectrum(report.all.spectrum, values - values.mean(0), 25);
  expect_spectrum(report.within_spectrum, rows_about_means(embeddings), 23);
}

TEST(EmbeddingReport, KnownSpectra) {
  const EmbeddingReport three = report_on(embeddings_of({{"drug", of_rank(3, 200, 40, 1)}}), 1);
  EXPECT_LE(three.types[0].spectrum.effective_rank, 3.0);
  EXPECT_GT(three.types[0].spectrum.effective_rank, 2.0);
  EXPECT_LE(three.types[0].spectrum.components_90, 3);
  // Four equal variances: rows are the corners of a cross-polytope.
  const at::Tensor cross = at::cat({at::eye(4), -at::eye(4)});
  const Spectrum equal = report_on(embeddings_of({{"drug", cross}}), 1).types[0].spectrum;
  EXPECT_NEAR(equal.effective_rank, 4.0, kTolerance);
  EXPECT_NEAR(equal.participation_ratio, 4.0, kTolerance);
  EXPECT_EQ(equal.components_90, 4);
  EXPECT_NEAR(equal.variances[0], 2.0 / 7.0, kTolerance);
}

TEST(EmbeddingReport, VariancesAndNormsOfDimensions) {
  at::Tensor rows = gaussian(101, 5, 6);
  rows.select(1, 2).fill_(0.25);  // dead
  const Embeddings embeddings = embeddings_of({{"drug", rows}});
  const GroupReport group = report_on(embeddings, 1).types[0];
  const at::Tensor values = embeddings.values_NF.to(at::kDouble);
  const at::Tensor variances = std::get<0>(values.var(at::IntArrayRef{0}, true).sort());
  EXPECT_NEAR(group.variances.min, 0.0, 1e-15);
  EXPECT_NEAR(group.variances.median, variances[2].item<double>(), kTolerance);
  EXPECT_NEAR(group.variances.max, variances[4].item<double>(), kTolerance);
  EXPECT_DOUBLE_EQ(group.dead, 0.2);
  const at::Tensor norms = std::get<0>(values.norm(2, 1).sort());
  EXPECT_NEAR(group.norms.min, norms[0].item<double>(), kTolerance);
  EXPECT_NEAR(group.norms.median, norms[50].item<double>(), kTolerance);
  EXPECT_NEAR(group.norms.max, norms[100].item<double>(), kTolerance);
  EXPECT_EQ(std::accumulate(group.norm_histogram.counts.begin(), group.norm_histogram.counts.end(),
                            std::int64_t{0}),
            101);
  EXPECT_EQ(std::accumulate(group.cosine_histogram.counts.begin(),
                            group.cosine_histogram.counts.end(), std::int64_t{0}),
            101 * 100 / 2);
  // Of an even number of values it is the mean of the two in the middle.
  const GroupReport even = report_on(embeddings_of({{"drug", rows.narrow(0, 0, 4)}}), 1).types[0];
  const at::Tensor four = std::get<0>(values.narrow(0, 0, 4).norm(2, 1).sort());
  EXPECT_NEAR(even.norms.median, (four[1] + four[2]).item<double>() / 2.0, kTolerance);
}

TEST(EmbeddingReport, HistogramsOfNormsShareTheirBins) {
  const EmbeddingReport report = report_on(three_types(), 1);
  const Histogram& all = report.all.norm_histogram;
  std::vector<std::int64_t> sums(all.counts.size(), 0);
  for (const GroupReport& type : report.types) {
    EXPECT_EQ(type.norm_histogram.low, report.all.norms.min);
    EXPECT_EQ(type.norm_histogram.high, report.all.norms.max);
    for (std::size_t bin = 0; bin < sums.size(); ++bin) {
      sums[bin] += type.norm_histogram.counts[bin];
    }
  }
  EXPECT_EQ(sums, all.counts);
  EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), std::int64_t{0}), 26);
}

TEST(EmbeddingReport, RowsThatAreNotFiniteAreCountedAndLeftOut) {
  Embeddings embeddings = three_types();
  const EmbeddingReport clean =
      report_on(embeddings_of({{"drug", (gaussian(13, 6, 1) + constant(13, 6, 4)).narrow(0, 0, 12)},
                               {"gene", gaussian(9, 6, 2) - 0.5 * constant(9, 6, 5)},
                               {"disease", gaussian(4, 6, 3)}}),
                1);
  embeddings.values_NF[12][5] = std::numeric_limits<float>::infinity();
  const EmbeddingReport report = report_on(embeddings, 1);
  EXPECT_EQ(report.types[0].non_finite, 1);
  EXPECT_EQ(report.types[0].nodes, 13);
  EXPECT_EQ(report.all.non_finite, 1);
  EXPECT_EQ(report.all.distinct, 25);
  EXPECT_DOUBLE_EQ(*report.all.cosine.raw, *clean.all.cosine.raw);
  EXPECT_DOUBLE_EQ(report.types[0].spectrum.effective_rank, clean.types[0].spectrum.effective_rank);
  // An edge to such a row is left out.
  EXPECT_EQ(report_on(embeddings, 1, PositivePairs{{0, 12}, {1, 2}, 0}).alignment->left_out, 1);
}

TEST(EmbeddingReport, RowsOfZerosHaveNoDirection) {
  at::Tensor rows = gaussian(10, 4, 1);
  rows[3].zero_();
  rows[7].zero_();
  const EmbeddingReport report = report_on(embeddings_of({{"drug", rows}}), 1);
  std::vector<at::Tensor> others;
  for (std::int64_t i = 0; i < 10; ++i) {
    if (i != 3 && i != 7) others.push_back(rows[i].to(at::kFloat).to(at::kDouble));
  }
  EXPECT_EQ(report.all.zeros, 2);
  EXPECT_EQ(report.all.distinct, 9);
  EXPECT_EQ(report.all.uniformity.nodes, 8);
  EXPECT_NEAR(*report.all.cosine.raw,
              mean_over_pairs(
                  8, [](auto, auto) { return true; },
                  [&](auto i, auto j) { return cosine(others[i], others[j]); }),
              kTolerance);
  EXPECT_FALSE(report_on(embeddings_of({{"drug", at::zeros({9, 4})}}), 1).all.cosine.raw);
}

TEST(EmbeddingReport, RotatingAndScalingChangesNoFigureOfTheVerdict) {
  const at::Tensor turn = rotation(24, 5);
  const at::Tensor cases[] = {gaussian(90, 24, 1), two_groups(90, 24, 1e-4, 2),
                              of_rank(3, 90, 24, 3), gaussian(10, 24, 4) + 1.0};
  for (const at::Tensor& rows : cases) {
    const GroupReport before = report_on(embeddings_of({{"drug", rows}}), 1).types[0];
    for (const double scale : {1.0, 1e-10, 3e10}) {
      const GroupReport after =
          report_on(embeddings_of({{"drug", scale * rows.mm(turn)}}), 1).types[0];
      EXPECT_NEAR(*after.cosine.raw, *before.cosine.raw, 1e-6);
      EXPECT_NEAR(after.spectrum.effective_rank, before.spectrum.effective_rank,
                  1e-3 * before.spectrum.effective_rank);
      EXPECT_NEAR(after.spectrum.participation_ratio, before.spectrum.participation_ratio, 1e-4);
      EXPECT_EQ(after.spectrum.components_90, before.spectrum.components_90);
      EXPECT_EQ(after.apart, before.apart);
      EXPECT_NEAR(*after.uniformity.value, *before.uniformity.value, 1e-5);
    }
  }
}

TEST(EmbeddingReport, TheOrderOfRowsChangesNoSum) {
  const at::Tensor rows = gaussian(3000, 12, 1);
  const GroupReport before = report_on(embeddings_of({{"drug", rows}}), 1).types[0];
  const GroupReport after = report_on(embeddings_of({{"drug", rows.flip(0)}}), 1).types[0];
  EXPECT_NEAR(*after.cosine.raw, *before.cosine.raw, 1e-12);
  EXPECT_NEAR(*after.cosine.centred, *before.cosine.centred, 1e-12);
  EXPECT_NEAR(after.spectrum.effective_rank, before.spectrum.effective_rank, 1e-10);
}

TEST(EmbeddingReport, PointsLieOnTheComponentsOfMostVariance) {
  const Embeddings embeddings = three_types();
  const EmbeddingReport report = report_on(embeddings, 1);
  const at::Tensor values = embeddings.values_NF.to(at::kDouble);
  const at::Tensor centred = values - values.mean(0);
  std::vector<double> x, y;
  for (const Points& points : report.points) {
    x.insert(x.end(), points.x.begin(), points.x.end());
    y.insert(y.end(), points.y.begin(), points.y.end());
  }
  ASSERT_EQ(x.size(), 26u);
  ASSERT_EQ(y.size(), 26u);
  const auto variance = [](const std::vector<double>& places) {
    double sum = 0.0;
    for (const double place : places) sum += place * place;
    return sum / static_cast<double>(places.size() - 1);
  };
  EXPECT_NEAR(variance(x), report.all.spectrum.variances[0], kTolerance);
  EXPECT_NEAR(variance(y), report.all.spectrum.variances[1], kTolerance);
  const double total = centred.square().sum().item<double>() / 25.0;
  EXPECT_NEAR(report.axis_shares[0], variance(x) / total, kTolerance);
  // The largest element of each direction is positive.
  for (const std::vector<double>& places : {x, y}) {
    const at::Tensor direction = centred.t().mv(at::tensor(at::ArrayRef<double>(places)));
    EXPECT_GT(direction[direction.abs().argmax().item<std::int64_t>()].item<double>(), 0.0);
  }
}

TEST(EmbeddingReport, OneNumberAndOneNode) {
  const EmbeddingReport narrow = report_on(embeddings_of({{"drug", gaussian(20, 1, 1)}}), 1);
  EXPECT_EQ(narrow.axis_shares.size(), 1u);
  EXPECT_TRUE(narrow.points[0].y.empty());
  const EmbeddingReport single = report_on(embeddings_of({{"drug", gaussian(1, 4, 1)}}), 1);
  EXPECT_FALSE(single.all.cosine.raw);
  EXPECT_EQ(single.all.spectrum.possible, 0);
  EXPECT_EQ(single.all.apart, 1);
}

TEST(EmbeddingReport, LargeTypesAreSampledByTheSeed) {
  const Embeddings embeddings = embeddings_of({{"drug", gaussian(kUniformityNodes + 500, 3, 1)}});
  const auto report = [&](std::int64_t seed) { return report_on(embeddings, seed); };
  const EmbeddingReport first = report(1);
  EXPECT_EQ(first.all.uniformity.nodes, kUniformityNodes);
  EXPECT_EQ(static_cast<std::int64_t>(first.points[0].x.size()), kDrawnNodes);
  EXPECT_EQ(*report(1).all.uniformity.value, *first.all.uniformity.value);
  EXPECT_NE(*report(2).all.uniformity.value, *first.all.uniformity.value);
  EXPECT_EQ(*report(2).all.cosine.raw, *first.all.cosine.raw);
}

std::vector<std::int64_t> counted(std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

TEST(RowSamples, EveryRowHasTheSameChance) {
  std::vector<int> taken(40, 0);
  for (int seed = 0; seed < 2000; ++seed) {
    const auto sample = sample_of(counted(40), 10, seed, SampleUse::drawing);
    ASSERT_EQ(std::set<std::int64_t>(sample.begin(), sample.end()).size(), 10u);
    for (const std::int64_t row : sample) ++taken[static_cast<std::size_t>(row)];
  }
  // 500 each, with a deviation of 19.
  for (const int count : taken) EXPECT_NEAR(count, 500, 5 * 19);
  EXPECT_EQ(sample_of(counted(7), 10, 1, SampleUse::drawing), counted(7));
  EXPECT_NE(sample_of(counted(40), 10, 1, SampleUse::drawing),
            sample_of(counted(40), 10, 1, SampleUse::uniformity));
}

// As count_apart defines it, without slots and keys.
std::int64_t apart_by_force(const at::Tensor& rows, double radius) {
  std::vector<std::int64_t> counted;
  for (std::int64_t i = 0; i < rows.size(0); ++i) {
    bool is_new = true;
    for (const std::int64_t j : counted) {
      is_new = is_new && (rows[i] - rows[j]).norm().item<double>() > radius;
    }
    if (is_new) counted.push_back(i);
  }
  return static_cast<std::int64_t>(counted.size());
}

TEST(DistinctRows, AreCountedAsByForce) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const at::Tensor rows = gaussian(120, 4, seed).to(at::kFloat).contiguous();
    const std::vector<std::int64_t> numbers = counted(120);
    const RowSet set{rows.const_data_ptr<float>(), 4, numbers};
    for (const double radius : {1e-3, 0.1, 0.5, 1.0, 2.0, 20.0}) {
      const std::int64_t expected = apart_by_force(rows.to(at::kDouble), radius);
      for (const std::vector<std::int64_t>& keys :
           {std::vector<std::int64_t>{0}, {3, 1}, {2, 1, 0}}) {
        EXPECT_EQ(count_apart(set, radius, keys), expected) << radius;
      }
    }
  }
}

TEST(DistinctRows, EqualNumbersAreOne) {
  const at::Tensor rows =
      at::tensor({0.0f, 1.0f, -0.0f, 1.0f, 0.0f, 2.0f, 0.0f, 1.0f}).view({4, 2});
  const std::vector<std::int64_t> numbers = counted(4);
  const RowSet set{rows.const_data_ptr<float>(), 2, numbers};
  EXPECT_EQ(count_distinct(set), 2);
  EXPECT_EQ(count_apart(set, 0.0, {0}), 2);
}

}  // namespace
}  // namespace hgnn_moe::hgt
