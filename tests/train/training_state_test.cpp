#include "hgnn_moe/train/training_state.h"

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/hash.h"

namespace hgnn_moe {
namespace {

SavedState example() {
  SavedState saved;
  saved.state.step = 40;
  saved.state.epoch = 2;
  saved.state.position = 13;
  saved.state.best_eval_loss = 0.1 + 0.2;  // needs all 17 digits
  saved.state.best_step = 20;
  saved.state.last_eval_loss = 1.0 / 3;
  saved.state.tokens = 123456789012;
  saved.state.seconds = 1e-7;
  saved.state.metrics_length = 4321;
  saved.state.fingerprint = {{"zeta", 1}, {"alpha", {{"rate", 5e-4}}}};
  saved.checksums = {{"model.safetensors", "00ff"}, {"optimizer.safetensors", "11aa"}};
  return saved;
}

TEST(TrainingState, ReadsBackWhatItWrote) {
  const TemporaryFolder folder;
  const SavedState saved = example();
  write_saved_state(folder / "state.json", saved);
  const SavedState read = read_saved_state(folder / "state.json");
  EXPECT_EQ(read.state.step, saved.state.step);
  EXPECT_EQ(read.state.epoch, saved.state.epoch);
  EXPECT_EQ(read.state.position, saved.state.position);
  EXPECT_EQ(read.state.best_eval_loss, saved.state.best_eval_loss);
  EXPECT_EQ(read.state.best_step, saved.state.best_step);
  EXPECT_EQ(read.state.last_eval_loss, saved.state.last_eval_loss);
  EXPECT_EQ(read.state.tokens, saved.state.tokens);
  EXPECT_EQ(read.state.seconds, saved.state.seconds);
  EXPECT_EQ(read.state.metrics_length, saved.state.metrics_length);
  EXPECT_EQ(read.state.fingerprint.dump(), saved.state.fingerprint.dump());  // order too
  EXPECT_EQ(read.checksums, saved.checksums);
}

TEST(TrainingState, NoBestLossIsNull) {
  const TemporaryFolder folder;
  write_saved_state(folder / "state.json", SavedState{});
  EXPECT_TRUE(contains(read_text_file(folder / "state.json", ExitCode::internal),
                       "\"best_eval_loss\": null"));
  EXPECT_FALSE(read_saved_state(folder / "state.json").state.best_eval_loss.has_value());
}

TEST(TrainingState, AnyFlippedOrMissingByteIsFound) {
  const TemporaryFolder folder;
  const auto path = folder / "state.json";
  write_saved_state(path, example());
  const std::string good = read_text_file(path, ExitCode::internal);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << i % 7));
    put_file(path, bad);
    EXPECT_THROW(read_saved_state(path), Error) << "byte " << i;
  }
  for (std::size_t length = 0; length < good.size(); length += 11) {
    put_file(path, good.substr(0, length));
    EXPECT_THROW(read_saved_state(path), Error) << "cut at " << length;
  }
  put_file(path, good);
  EXPECT_EQ(read_saved_state(path).state.step, 40);
}

TEST(TrainingState, AnEditedNumberIsFound) {
  const TemporaryFolder folder;
  const auto path = folder / "state.json";
  write_saved_state(path, example());
  std::string text = read_text_file(path, ExitCode::internal);
  text.replace(text.find("\"step\": 40"), 10, "\"step\": 41");
  put_file(path, text);
  const std::string message =
      message_of_error(ExitCode::checkpoint, [&] { read_saved_state(path); });
  EXPECT_TRUE(contains(message, "state.json")) << message;
  EXPECT_TRUE(contains(message, "checksum")) << message;
}

TEST(TrainingState, AnotherFormatVersionIsNamed) {
  const TemporaryFolder folder;
  const auto path = folder / "state.json";
  write_saved_state(path, example());
  std::string text = read_text_file(path, ExitCode::internal);
  text.replace(text.find("\"format_version\": 1"), 19, "\"format_version\": 7");
  put_file(path, text);
  const std::string message =
      message_of_error(ExitCode::checkpoint, [&] { read_saved_state(path); });
  EXPECT_TRUE(contains(message, "format version 7")) << message;
}

TEST(TrainingState, AFileThatIsSealedButNoStateIsRefused) {
  const TemporaryFolder folder;
  const auto path = folder / "state.json";
  Json json = {{"format_version", 1}, {"step", 1}};
  const std::string content = json.dump(2);
  json["checksum"] = xxh3_hex(content.data(), content.size());
  put_file(path, json.dump(2) + "\n");
  const std::string message =
      message_of_error(ExitCode::checkpoint, [&] { read_saved_state(path); });
  EXPECT_TRUE(contains(message, "epoch")) << message;

  put_file(path, "[1, 2]\n");
  message_of_error(ExitCode::checkpoint, [&] { read_saved_state(path); });
}

TEST(TrainingState, AMissingFileIsACheckpointError) {
  const TemporaryFolder folder;
  const std::string message =
      message_of_error(ExitCode::checkpoint, [&] { read_saved_state(folder / "state.json"); });
  EXPECT_TRUE(contains(message, "state.json")) << message;
}

}  // namespace
}  // namespace hgnn_moe
