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
  EXPECT_EQ(
      advice.why,
      "Use mini: the test MRR of full does not differ beyond seeds from that of mini (+0.0000, "
      "95 % interval -0.0248 to +0.0248), and it takes 3.10 times the peak memory of mini "
      "(3.04 to 3.17).");
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
  EXPECT_NE(advice.why.find("the test MRR of none is lower than that of graph (-0.1033, 95 % "
                            "interval -0.1177 to -0.0890), though it takes 0.33 times the time of "
                            "training of graph"),
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
  add_runs(results, "learned", kGood, {9, 9, 9}, steady(1));
  add_runs(results, "random", kSame, {3, 3, 3}, steady(1));
  add_runs(results, "given", kSame, {1, 3, 9}, steady(1));
  const auto variants = {std::string("learned"), std::string("random"), std::string("given")};
  EXPECT_EQ(advise(HgtComparison::features, variants, results).use, "random");
}

TEST(ComparisonAdvice, WhoSpeaksAgainstAVariantIsNamed) {
  std::vector<ComparedResult> results;
  // Random is worse than learned, learned is dearer than given, and given is as random within
  // seeds.
  add_runs(results, "random", {0.40, 0.41, 0.40}, {1, 3, 9}, steady(1));
  add_runs(results, "learned", {0.50, 0.51, 0.50}, {9, 9.1, 9}, steady(1));
  add_runs(results, "given", {0.30, 0.50, 0.70}, {1, 1.01, 1}, steady(1));
  const Advice advice = advise(HgtComparison::features, {"random", "learned", "given"}, results);
  EXPECT_EQ(advice.use, "given");
  EXPECT_NE(advice.why.find("the test MRR of random is lower than that of learned (-0.1000"),
            std::string::npos)
      << advice.why;
  EXPECT_NE(advice.why.find("it takes 9.00 times the time of training of given"), std::string::npos)
      << advice.why;
  EXPECT_EQ(advice.why.find("order of the table"), std::string::npos) << advice.why;
}

TEST(ComparisonAdvice, AControlIsNeverRecommended) {
  std::vector<ComparedResult> results;
  add_runs(results, "graph", kWorse, steady(9), steady(1));
  add_runs(results, "shuffled", kGood, steady(1), steady(1));
  const Advice advice = advise(HgtComparison::messages, {"graph", "shuffled"}, results);
  EXPECT_EQ(advice.use, "graph");
  EXPECT_NE(advice.why.find("the test MRR of shuffled is higher than that of graph (+0.1033"),
            std::string::npos)
      << advice.why;
  EXPECT_NE(advice.why.find("(shuffled is a control)"), std::string::npos) << advice.why;
  EXPECT_EQ(advice.why.find("order of the table"), std::string::npos) << advice.why;
  for (int i = 0; i < 3; ++i) results[i].problem = "killed";
  const Advice none = advise(HgtComparison::messages, {"graph", "shuffled"}, results);
  EXPECT_EQ(none.use, "");
  EXPECT_NE(none.why.find("; shuffled is a control."), std::string::npos) << none.why;
}

TEST(ComparisonAdvice, AControlOfOneSeedIsNoReason) {
  std::vector<ComparedResult> results;
  add_runs(results, "graph", {0.9}, {1}, {1});
  add_runs(results, "shuffled", {0.1}, {9}, {9});
  const Advice advice = advise(HgtComparison::messages, {"graph", "shuffled"}, results);
  EXPECT_EQ(advice.use, "");
  EXPECT_NE(advice.why.find("fewer than two seeds have the test MRR of graph and shuffled"),
            std::string::npos)
      << advice.why;
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
