#include "hgnn_moe/hgt/embedding_verdict.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/hgt/embedding_cases.h"

namespace hgnn_moe::hgt {
namespace {

using testing::constant;
using testing::embeddings_of;
using testing::gaussian;
using testing::of_rank;
using testing::one_direction;
using testing::rotation;
using testing::two_groups;
using testing::uniform;

Verdict verdict_of(const Embeddings& embeddings) { return judge(report_on(embeddings, 1)); }

Verdict verdict_of(const at::Tensor& rows) { return verdict_of(embeddings_of({{"drug", rows}})); }

std::string text_of(const Verdict& verdict) {
  std::string text = names_of(Grade{}).at(static_cast<std::size_t>(verdict.grade));
  for (const GroupVerdict& type : verdict.types) {
    for (const Finding& finding : type.findings) text += "; " + type.name + ": " + finding.reason;
  }
  return text;
}

void expect_grade(const at::Tensor& rows, Grade grade, const std::string& fragment = "") {
  const Verdict verdict = verdict_of(rows);
  EXPECT_EQ(verdict.grade, grade) << text_of(verdict);
  EXPECT_NE(text_of(verdict).find(fragment), std::string::npos) << text_of(verdict);
}

struct Shape {
  std::int64_t rows, width;
};

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.rows << "x" << shape.width; }

const Shape kShapes[] = {{1, 1},   {1, 64},   {2, 2},    {3, 5},    {5, 512},  {6, 1},     {6, 2},
                         {6, 8},   {7, 64},   {10, 10},  {12, 3},   {20, 20},  {64, 64},   {100, 1},
                         {100, 2}, {50, 300}, {300, 50}, {2000, 2}, {3000, 3}, {1500, 128}};

class RandomEmbeddings : public ::testing::TestWithParam<Shape> {};

TEST_P(RandomEmbeddings, AreGood) {
  const Shape shape = GetParam();
  for (const std::uint64_t seed : {1, 2, 3, 4, 5}) {
    SCOPED_TRACE(seed);
    const at::Tensor normal = gaussian(shape.rows, shape.width, seed);
    expect_grade(normal, Grade::good);
    expect_grade(uniform(shape.rows, shape.width, seed), Grade::good);
    expect_grade(2.0 * uniform(shape.rows, shape.width, seed) - 1.0, Grade::good);
    for (const double scale : {1e-12, 1e12}) expect_grade(scale * normal, Grade::good);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, RandomEmbeddings, ::testing::ValuesIn(kShapes));

TEST(EmbeddingVerdict, EmbeddingsWithAFallingSpectrumAreGood) {
  // Variances that fall as 1 / k, as trained embeddings' do, of a rotated matrix with a mean.
  for (const std::int64_t width : {64, 256}) {
    const at::Tensor deviations = at::arange(1, width + 1, at::kDouble).rsqrt();
    const at::Tensor rows = (gaussian(800, width, 3) * deviations).mm(rotation(width, 4)) +
                            0.3 * constant(800, width, 5);
    expect_grade(rows, Grade::good);
  }
}

TEST(EmbeddingVerdict, ConstantsCollapse) {
  for (const Shape shape : {Shape{6, 1}, {6, 8}, {100, 2}, {40, 512}, {1000, 64}}) {
    SCOPED_TRACE(::testing::PrintToString(shape));
    expect_grade(constant(shape.rows, shape.width, 1), Grade::collapsed, "effective rank 0 of");
    expect_grade(at::zeros({shape.rows, shape.width}), Grade::collapsed, "effective rank 0 of");
  }
}

TEST(EmbeddingVerdict, AConstantForEachTypeCollapsesThoughTheTypesDiffer) {
  const Verdict verdict = verdict_of(embeddings_of({{"drug", constant(100, 32, 1)},
                                                    {"gene", constant(200, 32, 2)},
                                                    {"disease", constant(50, 32, 3)}}));
  EXPECT_EQ(verdict.grade, Grade::collapsed);
  for (const GroupVerdict& type : verdict.types) EXPECT_EQ(type.grade(), Grade::collapsed);
}

TEST(EmbeddingVerdict, TwoGroupsCollapse) {
  for (const Shape shape : {Shape{8, 16}, {60, 16}, {500, 64}, {400, 300}}) {
    for (const double noise : {0.0, 1e-7, 1e-4, 1e-2}) {
      SCOPED_TRACE(noise);
      expect_grade(two_groups(shape.rows, shape.width, noise, 7), Grade::collapsed,
                   "90 % of the variance in 1 of");
    }
  }
  expect_grade(two_groups(500, 2, 1e-6, 7), Grade::collapsed, "2 of 500 rows lie apart");
}

TEST(EmbeddingVerdict, LowRankCollapses) {
  for (const Shape shape : {Shape{60, 16}, {500, 64}, {40, 512}, {3000, 32}}) {
    const at::Tensor rows = of_rank(3, shape.rows, shape.width, 5);
    expect_grade(rows, Grade::collapsed, "effective rank");
    const double noise = 1e-4;
    expect_grade(rows + noise * gaussian(shape.rows, shape.width, 6), Grade::collapsed);
  }
  expect_grade(of_rank(15, 500, 64, 5), Grade::warning, "effective rank 14.");
}

TEST(EmbeddingVerdict, OneDirectionCollapsesThoughItsNoiseHasFullRank) {
  for (const double noise : {1e-5, 1e-3, 1e-2}) {
    const at::Tensor rows = one_direction(400, 64, noise, 8);
    expect_grade(rows, Grade::collapsed, "that tells rows apart");
    if (noise > 1e-4) {
      const EmbeddingReport report = report_on(embeddings_of({{"drug", rows}}), 1);
      EXPECT_GT(report.types[0].spectrum.effective_rank, 50.0);
      EXPECT_LT(*report.types[0].cosine.centred, 0.01);
    }
  }
  // A share of 0.04 of the squared length tells rows apart.
  expect_grade(one_direction(400, 64, 0.2, 8), Grade::warning, "mean cosine 0.9");
  expect_grade(one_direction(400, 64, 0.5, 8), Grade::good);
}

TEST(EmbeddingVerdict, RowsThatDifferInLengthAloneCollapse) {
  const at::Tensor of_both_signs = gaussian(300, 1, 2);
  for (const at::Tensor& lengths : {of_both_signs, of_both_signs.abs() + 0.1}) {
    expect_grade(lengths * constant(300, 48, 1), Grade::collapsed, "effective rank 1 of");
  }
}

TEST(EmbeddingVerdict, CopiesAreNoticed) {
  const at::Tensor rows = gaussian(300, 32, 2);
  expect_grade(at::cat({rows, rows}), Grade::warning, "300 of 600 rows lie apart");
  expect_grade(rows.repeat({5, 1}), Grade::collapsed, "300 of 1500 rows lie apart");
  expect_grade(at::cat({rows, rows.narrow(0, 0, 50)}), Grade::good);
}

TEST(EmbeddingVerdict, OneCollapsedTypeAmongGoodOnesIsNamed) {
  const Verdict verdict = verdict_of(embeddings_of({{"drug", gaussian(300, 32, 1)},
                                                    {"disease", two_groups(80, 32, 1e-5, 2)},
                                                    {"gene", gaussian(900, 32, 3)}}));
  EXPECT_EQ(verdict.grade, Grade::collapsed);
  EXPECT_EQ(verdict.types[0].grade(), Grade::good);
  EXPECT_EQ(verdict.types[1].grade(), Grade::collapsed);
  EXPECT_EQ(verdict.types[2].grade(), Grade::good);
}

TEST(EmbeddingVerdict, TypesFarFromEachOtherAreGood) {
  const Verdict verdict =
      verdict_of(embeddings_of({{"drug", gaussian(300, 32, 1) + 4.0 * constant(300, 32, 9)},
                                {"gene", gaussian(300, 32, 3) - 4.0 * constant(300, 32, 9)}}));
  EXPECT_EQ(verdict.grade, Grade::warning) << text_of(verdict);  // for the cosine within types
  EXPECT_EQ(verdict_of(embeddings_of({{"drug", gaussian(300, 32, 1) + constant(300, 32, 9)},
                                      {"gene", gaussian(300, 32, 3) - constant(300, 32, 9)}}))
                .grade,
            Grade::good);
}

TEST(EmbeddingVerdict, OneValueThatIsNotFiniteCollapses) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    Embeddings embeddings = embeddings_of({{"drug", gaussian(300, 32, 1)}});
    embeddings.values_NF[17][3] = value;
    const Verdict verdict = verdict_of(embeddings);
    EXPECT_EQ(verdict.grade, Grade::collapsed);
    EXPECT_NE(text_of(verdict).find("1 of 300 rows hold NaN"), std::string::npos);
  }
  Embeddings small = embeddings_of({{"drug", gaussian(2, 4, 1)}});
  small.values_NF[0][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(verdict_of(small).grade, Grade::collapsed);
  small.values_NF.fill_(std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(verdict_of(small).grade, Grade::collapsed);
}

TEST(EmbeddingVerdict, SmallTypesAreNotJudgedAndThatIsSaid) {
  const Verdict verdict =
      verdict_of(embeddings_of({{"drug", gaussian(300, 16, 1)}, {"disease", constant(5, 16, 2)}}));
  EXPECT_EQ(verdict.grade, Grade::good);
  EXPECT_FALSE(verdict.types[1].is_judged);
  EXPECT_FALSE(verdict.together);
  ASSERT_EQ(verdict.notes.size(), 1u);
  EXPECT_EQ(verdict.notes[0], "types with fewer than 6 rows, too few to judge: 1 with 5 nodes");
}

TEST(EmbeddingVerdict, SmallTypesAloneAreJudgedTogether) {
  std::vector<std::pair<std::string, at::Tensor>> good, bad;
  for (int type = 0; type < 30; ++type) {
    const std::string name = "type " + std::to_string(type);
    const at::Tensor offset = 5.0 * constant(4, 16, 1000 + type);
    good.emplace_back(name, gaussian(4, 16, type) + 0.2 * offset);
    bad.emplace_back(name, 1e-9 * gaussian(4, 16, type) + offset);
  }
  const Verdict passed = verdict_of(embeddings_of(good));
  ASSERT_TRUE(passed.together && passed.together->is_judged);
  EXPECT_EQ(passed.grade, Grade::good);
  const Verdict failed = verdict_of(embeddings_of(bad));
  ASSERT_TRUE(failed.together);
  EXPECT_EQ(failed.together->grade(), Grade::collapsed);
  EXPECT_EQ(failed.grade, Grade::collapsed);
}

TEST(EmbeddingVerdict, ChanceIsAllowedForInFewRowsAndNarrowOnes) {
  EXPECT_EQ(chance_factor(6, 1), 0.0);
  EXPECT_LT(chance_factor(6, 2), 0.01);
  EXPECT_NEAR(chance_factor(101, 2), 0.53, 0.001);
  EXPECT_GT(chance_factor(1000, 64), 0.97);
  EXPECT_LT(chance_factor(1000, 64), 1.0);
}

TEST(EmbeddingVerdict, ExitCodes) {
  EXPECT_EQ(exit_code(Grade::good), 0);
  EXPECT_EQ(exit_code(Grade::warning), 8);
  EXPECT_EQ(exit_code(Grade::collapsed), 9);
}

TEST(EmbeddingVerdict, TheOriginalsCriteria) {
  const auto criteria_of = [](const at::Tensor& rows) {
    return original_criteria(report_on(embeddings_of({{"drug", rows}}), 1));
  };
  const OriginalCriteria good = criteria_of(gaussian(300, 64, 1));
  EXPECT_TRUE(*good.mean_cosine && good.components);
  EXPECT_EQ(good.types_in_range, 0);
  const OriginalCriteria bad = criteria_of(constant(300, 64, 1));
  EXPECT_FALSE(*bad.mean_cosine || bad.components);
  const OriginalCriteria alike = criteria_of(one_direction(300, 64, 0.7, 1));
  EXPECT_EQ(alike.types_in_range, 1);
  EXPECT_EQ(alike.types, 1);
  EXPECT_FALSE(criteria_of(gaussian(1, 4, 1)).mean_cosine);
}

TEST(EmbeddingVerdict, RotatingAndScalingChangesNoVerdict) {
  const at::Tensor turn = rotation(48, 77);
  const at::Tensor cases[] = {gaussian(200, 48, 1),
                              uniform(200, 48, 1),
                              constant(200, 48, 1),
                              two_groups(200, 48, 1e-4, 1),
                              of_rank(3, 200, 48, 1),
                              of_rank(15, 200, 48, 1),
                              one_direction(200, 48, 1e-3, 1),
                              one_direction(200, 48, 0.2, 1),
                              gaussian(30, 48, 4),
                              gaussian(100, 48, 2).repeat({2, 1})};
  for (const at::Tensor& rows : cases) {
    const Verdict before = verdict_of(rows);
    for (const double scale : {1.0, 1e-6, 1e6}) {
      const Verdict after = verdict_of(scale * rows.mm(turn));
      EXPECT_EQ(after.grade, before.grade) << text_of(before) << "\n" << text_of(after);
      EXPECT_EQ(after.types[0].findings.size(), before.types[0].findings.size());
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::hgt
