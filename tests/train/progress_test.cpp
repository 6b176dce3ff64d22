#include "hgnn_moe/train/progress.h"

#include <algorithm>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

ProgressOptions options(ProgressStyle style) {
  ProgressOptions result;
  result.style = style;
  result.total_steps = 100;
  result.epochs = 4;
  result.columns = 110;
  return result;
}

ProgressUpdate update_at(std::int64_t step, double seconds) {
  ProgressUpdate update;
  update.step = step;
  update.epoch = 1 + (step - 1) / 25;
  update.loss = 3.25;
  update.items_per_second = 1234.4;
  update.seconds = seconds;
  return update;
}

TEST(Progress, ALineHasEverything) {
  std::ostringstream out;
  Progress progress(options(ProgressStyle::lines), out);
  progress.update(update_at(50, 60));
  EXPECT_EQ(out.str(), "step 50/100  epoch 2/4  loss 3.2500  1234 tokens/s  1 min 00 s left\n");
}

TEST(Progress, LinesComeNoMoreOftenThanTheInterval) {
  std::ostringstream out;
  Progress progress(options(ProgressStyle::lines), out);
  for (std::int64_t step = 1; step <= 35; ++step) {
    progress.update(update_at(step, static_cast<double>(step)));
  }
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);  // after 1, 11, 21 and 31 s
}

TEST(Progress, TheLastStepIsAlwaysShown) {
  std::ostringstream out;
  Progress progress(options(ProgressStyle::lines), out);
  progress.update(update_at(99, 1));
  progress.update(update_at(100, 1.01));
  EXPECT_NE(out.str().find("step 100/100"), std::string::npos);
  EXPECT_NE(out.str().find("0.0 s left"), std::string::npos);
}

TEST(Progress, TimeLeftCountsOnlyStepsOfThisProcess) {
  ProgressOptions resumed = options(ProgressStyle::lines);
  resumed.first_step = 80;
  std::ostringstream out;
  Progress progress(resumed, out);
  progress.update(update_at(90, 20));  // 10 steps in 20 s, 10 to go
  EXPECT_NE(out.str().find(" 20 s left"), std::string::npos) << out.str();
}

TEST(Progress, BarStaysOnOneLineUntilTheEnd) {
  std::ostringstream out;
  Progress progress(options(ProgressStyle::bar), out);
  progress.update(update_at(50, 60));
  const std::string half = out.str();
  EXPECT_EQ(half.front(), '\r');
  EXPECT_EQ(half.find('\n'), std::string::npos);
  EXPECT_EQ(std::count(half.begin(), half.end(), '#'), 15);
  EXPECT_EQ(std::count(half.begin(), half.end(), '.'), 15 + 1);  // and one in the loss
  progress.update(update_at(100, 120));
  const std::string last = out.str().substr(half.size());
  EXPECT_EQ(last.back(), '\n');
  EXPECT_EQ(std::count(last.begin(), last.end(), '#'), 30);
}

TEST(Progress, BarNeverReachesTheLastColumn) {
  for (int columns = 1; columns < 150; ++columns) {
    ProgressOptions narrow = options(ProgressStyle::bar);
    narrow.columns = columns;
    std::ostringstream out;
    Progress progress(narrow, out);
    progress.update(update_at(50, 60));
    const std::string text = out.str();
    const std::size_t visible = text.size() - std::string("\r\x1b[K").size();
    EXPECT_LT(visible, static_cast<std::size_t>(columns));
  }
}

TEST(Progress, BarIsRedrawnAtMostTenTimesASecond) {
  std::ostringstream out;
  Progress progress(options(ProgressStyle::bar), out);
  for (std::int64_t step = 1; step <= 90; ++step) {
    progress.update(update_at(step, 0.01 * static_cast<double>(step)));
  }
  const std::string text = out.str();
  EXPECT_LE(std::count(text.begin(), text.end(), '\r'), 10);
  EXPECT_GE(std::count(text.begin(), text.end(), '\r'), 8);
}

TEST(Progress, ClearRemovesABarOnce) {
  std::ostringstream out;
  Progress progress(options(ProgressStyle::bar), out);
  progress.clear();
  EXPECT_EQ(out.str(), "");
  progress.update(update_at(50, 60));
  out.str("");
  progress.clear();
  EXPECT_EQ(out.str(), "\r\x1b[K");
  progress.clear();
  EXPECT_EQ(out.str(), "\r\x1b[K");
}

TEST(Progress, SilentIsSilent) {
  std::ostringstream out;
  Progress progress(options(ProgressStyle::silent), out);
  progress.update(update_at(100, 60));
  progress.clear();
  EXPECT_EQ(out.str(), "");
  EXPECT_EQ(choose_progress_style(true), ProgressStyle::silent);
  EXPECT_NE(choose_progress_style(false), ProgressStyle::silent);
}

}  // namespace
}  // namespace hgnn_moe
