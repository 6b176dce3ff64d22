#include "hgnn_moe/sweep/match_time.h"

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

TEST(MatchTime, AsManyMedianStepsAsFit) {
  // Ten steps of 20 ms, some of which were held up; own steps of 30 ms after the warm-up.
  std::vector<double> reference(10, 20.0);
  for (const std::size_t step : {0u, 3u, 9u}) reference[step] = 5000.0;
  std::vector<double> own(kCalibrationSteps, 30.0);
  std::fill(own.begin(), own.begin() + kWarmUpSteps, 900.0);
  own.back() = 700.0;
  const TimeMatch match = match_time(reference, own);
  EXPECT_EQ(match.steps, 6) << "200 / 30";
  EXPECT_EQ(match.note,
            "match_time: 6 steps of 30.0 ms in the 0.2 s that the reference trained for");
}

TEST(MatchTime, AMedianOfAnEvenNumberLiesBetween) {
  EXPECT_EQ(match_time({100, 100}, {9, 9, 9, 9, 10, 30}).steps, 10) << "of 20 ms each";
}

TEST(MatchTime, WhatCannotBeMatchedIsSaid) {
  EXPECT_EQ(message_of_error(ExitCode::usage, [] { match_time({}, {1, 1, 1, 1, 1}); }),
            "match_time: the reference made 0 steps and the run 5 to measure its speed; give both "
            "more of them");
  EXPECT_EQ(message_of_error(ExitCode::usage, [] { match_time({1, 1}, {1, 1, 1, 1}); }),
            "match_time: the reference made 2 steps and the run 4 to measure its speed; give both "
            "more of them");
  EXPECT_EQ(message_of_error(ExitCode::usage, [] { match_time({1, 1}, {9, 9, 9, 9, 9}); }),
            "match_time: the reference trained for 2.0 ms, less than one step of 9.0 ms; give it "
            "more steps");
}

TEST(MatchTime, TheShortRunTrainsAndSavesNothingElse) {
  const std::vector<std::string> arguments = calibration_arguments("sweep/row");
  const auto value_of = [&](const std::string& flag) {
    const auto at = std::find(arguments.begin(), arguments.end(), flag);
    return at == arguments.end() || at + 1 == arguments.end() ? std::string("none") : at[1];
  };
  EXPECT_EQ(value_of("--checkpoint_dir"), "sweep/row");
  EXPECT_EQ(value_of("--run_name"), "calibration");
  EXPECT_EQ(value_of("--max_steps"), std::to_string(kCalibrationSteps));
  EXPECT_EQ(value_of("--eval_every"), "0");
}

}  // namespace
}  // namespace hgnn_moe
