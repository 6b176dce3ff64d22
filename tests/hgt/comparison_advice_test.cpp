#include "hgnn_moe/hgt/comparison_advice.h"

#include <gtest/gtest.h>

#include "tests/hgt/comparison_support.h"

namespace hgnn_moe::hgt {
namespace {

const std::vector<double> kGood = {0.50, 0.52, 0.51};
const std::vector<double> kSame = {0.51, 0.51, 0.51};   // 0.01, -0.01, 0.00 from it
const std::vector<double> kWorse = {0.40, 0.42, 0.40};  // about 0.1 below

Advice advise(HgtComparison kind, const std::vector<std::string>& variants,
              const std::vector<ComparedResult>& results) {
  return advice_on(comparison_of(kind, "", variants, results));
}

TEST(ComparisonAdvice, OfEqualQualityTheCheaperOne) {
  std::vector<ComparedResult> results;
  add_runs(results, "mini", kGood, {9, 9, 9}, {100, 101, 100});
  add_runs(results, "full", kSame, {1, 1, 1}, {310, 311, 313});
  const Advice advice = advise(HgtComparison::batch, {"mini", "full"}, results);
  EXPECT_EQ(advice.use, "mini") << "by memory, not by time";
  EXPECT_EQ(advice.why,
            "Use mini: the test MRR of full does not differ beyond seeds (+0.0000, 95 % interval "
            "-0.0248 to +0.0248), and it takes 3.10 times the peak memory (3.04 to 3.17).");
  results.clear();
  add_runs(results, "cpu", kGood, {9, 9, 9}, {1, 1, 1});
  add_runs(results, "cuda", kSame, {3, 3, 3}, {9, 9, 9});
  EXPECT_EQ(advise(HgtComparison::device, {"cpu", "cuda"}, results).use, "cuda");
}

TEST(ComparisonAdvice, QualityComesFirst) {
  std::vector<ComparedResult> results;
  add_runs(results, "graph", kGood, steady(9), steady(1));
  add_runs(results, "none", kWorse, {3, 3, 3}, steady(1));
  const Advice advice = advise(HgtComparison::messages, {"graph", "none"}, results);
  EXPECT_EQ(advice.use, "graph");
  EXPECT_NE(advice.why.find("the test MRR of none is lower (-0.1033, 95 % interval -0.1177 to "
                            "-0.0890), though it takes 0.33 times the time of training"),
            std::string::npos)
      << advice.why;
}

TEST(ComparisonAdvice, NoDifferenceIsClaimedWhoseIntervalHoldsZero) {
  std::vector<ComparedResult> results;
  // A tenth apart in the mean, but seeds make as much.
  add_runs(results, "graph", {0.30, 0.50, 0.70}, {9, 5, 7}, steady(1));
  add_runs(results, "none", {0.40, 0.45, 0.35}, {5, 9, 7}, steady(1));
  const Advice advice = advise(HgtComparison::messages, {"graph", "none"}, results);
  EXPECT_EQ(advice.use, "graph") << "the first";
  EXPECT_NE(advice.why.find("does not differ beyond seeds"), std::string::npos) << advice.why;
  EXPECT_NE(advice.why.find("time of training does not differ beyond seeds"), std::string::npos);
  EXPECT_NE(advice.why.find("order of the table"), std::string::npos);
  for (const char* claim : {"lower", "higher", "times"}) {
    EXPECT_EQ(advice.why.find(claim), std::string::npos) << advice.why;
  }
}

TEST(ComparisonAdvice, OneSeedClaimsNothing) {
  std::vector<ComparedResult> results;
  add_runs(results, "graph", {0.9}, {1}, {1});
  add_runs(results, "none", {0.1}, {9}, {9});
  const Advice advice = advise(HgtComparison::messages, {"graph", "none"}, results);
  EXPECT_EQ(advice.use, "");
  EXPECT_NE(advice.why.find("give at least two --seeds"), std::string::npos) << advice.why;
}

TEST(ComparisonAdvice, WhatFailedOrCollapsedIsNotRecommended) {
  std::vector<ComparedResult> results;
  add_runs(results, "learned", kWorse, steady(5), steady(1));
  add_runs(results, "random", kGood, steady(1), steady(1));
  add_runs(results, "ones", kGood, steady(1), steady(1));
  results[4].problem = "diverged: step 2: the loss is nan";
  results[8].verdict = "collapsed";
  const std::vector<std::string> variants = {"learned", "random", "ones"};
  const Advice advice = advise(HgtComparison::features, variants, results);
  EXPECT_EQ(advice.use, "learned");
  EXPECT_EQ(advice.why,
            "Use learned: random is not done (seed 2: diverged: step 2: the loss is nan); the "
            "embeddings of ones have collapsed.");
  results[0].problem = "out_of_memory: 9 GiB";
  const Advice none = advise(HgtComparison::features, variants, results);
  EXPECT_EQ(none.use, "");
  EXPECT_EQ(none.why.rfind("None can be recommended: learned is not done", 0), 0u) << none.why;
}

TEST(ComparisonAdvice, AClearlyDearerOneIsOutThoughNoneIsCheapestOfAll) {
  std::vector<ComparedResult> results;
  add_runs(results, "graph", kGood, {9, 9, 9}, steady(1));
  add_runs(results, "shuffled", kSame, {3, 3, 3}, steady(1));
  add_runs(results, "none", kSame, {1, 3, 9}, steady(1));
  const auto variants = {std::string("graph"), std::string("shuffled"), std::string("none")};
  EXPECT_EQ(advise(HgtComparison::messages, variants, results).use, "shuffled");
}

TEST(ComparisonAdvice, WithARelationItsAuprcDecides) {
  std::vector<ComparedResult> results;
  add_runs(results, "graph", kGood, steady(9), steady(1));
  add_runs(results, "none", kWorse, steady(9), steady(1));
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i].figures["auprc"] = results[i].variant == "none" ? 0.9 + 0.001 * i : 0.5;
  }
  const Advice advice =
      advice_on(comparison_of(HgtComparison::messages, "(a, r, b)", {"graph", "none"}, results));
  EXPECT_EQ(advice.use, "none");
  EXPECT_NE(advice.why.find("the AUPRC of the relation of graph is lower"), std::string::npos)
      << advice.why;
}

}  // namespace
}  // namespace hgnn_moe::hgt
