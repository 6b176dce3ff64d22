#include "hgnn_moe/base/log.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

std::string standard_error_of(bool quiet, const std::optional<std::filesystem::path>& log_file) {
  testing::internal::CaptureStderr();
  const auto logger = make_logger(quiet, log_file);
  logger->info("step {}", 1);
  logger->warn("degree near zero");
  logger->error("stopped");
  return testing::internal::GetCapturedStderr();
}

TEST(Log, ShowsEverythingOnStandardError) {
  const std::string text = standard_error_of(false, std::nullopt);
  EXPECT_TRUE(contains(text, "info step 1\n")) << text;
  EXPECT_TRUE(contains(text, "warning degree near zero\n")) << text;
  EXPECT_TRUE(contains(text, "error stopped\n")) << text;
}

TEST(Log, QuietShowsWarningsOnlyAndTheFileGetsAll) {
  const TemporaryFolder folder;
  const std::string text = standard_error_of(true, folder / "train.log");
  EXPECT_FALSE(contains(text, "step 1")) << text;
  EXPECT_TRUE(contains(text, "degree near zero")) << text;
  const std::string file = read_text_file(folder / "train.log", ExitCode::data);
  EXPECT_TRUE(contains(file, "info step 1\n")) << file;
  EXPECT_TRUE(contains(file, "error stopped\n")) << file;
}

TEST(Log, AppendsAndFlushesEveryLine) {
  const TemporaryFolder folder;
  put_file(folder / "train.log", "an earlier line\n");
  const auto logger = make_logger(true, folder / "train.log");
  logger->info("a later line");
  const std::string file = read_text_file(folder / "train.log", ExitCode::data);
  EXPECT_EQ(file.rfind("an earlier line\n", 0), 0u) << file;
  EXPECT_TRUE(contains(file, "a later line\n")) << file;
}

TEST(Log, ALineForTheFileAloneStaysOffTheTerminal) {
  const TemporaryFolder folder;
  testing::internal::CaptureStderr();
  const auto logger = make_logger(false, folder / "train.log");
  log_to_file(*logger, spdlog::level::err, "stopped at {step 3}");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  const std::string file = read_text_file(folder / "train.log", ExitCode::data);
  EXPECT_TRUE(contains(file, "error stopped at {step 3}\n")) << file;
}

TEST(Log, AFullDiskIsToldOnceAndEndsNothing) {
  testing::internal::CaptureStderr();
  const auto logger = make_logger(false, "/dev/full");
  logger->info("step 1");
  logger->info("step 2");
  log_to_file(*logger, spdlog::level::err, "stopped");
  const std::string text = testing::internal::GetCapturedStderr();
  const std::string said = "warning the log lacks lines from here on: ";
  EXPECT_TRUE(contains(text, said)) << text;
  EXPECT_EQ(text.find(said), text.rfind(said)) << text;
  EXPECT_TRUE(contains(text, "info step 2\n")) << text;
  EXPECT_FALSE(contains(text, "LOG ERROR")) << text;
}

TEST(Log, LoggersAreIndependent) {
  const TemporaryFolder folder;
  const auto first = make_logger(true, folder / "first.log");
  const auto second = make_logger(true, folder / "second.log");
  first->info("for the first");
  EXPECT_EQ(read_text_file(folder / "second.log", ExitCode::data), "");
}

TEST(Log, FileThatCannotBeOpenedIsADiskError) {
  const TemporaryFolder folder;
  const std::string message =
      message_of_error(ExitCode::disk, [&] { make_logger(true, folder.path()); });
  EXPECT_TRUE(contains(message, folder.path().string())) << message;
}

}  // namespace
}  // namespace hgnn_moe
