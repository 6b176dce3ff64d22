#include "hgnn_moe/train/tensorboard_file.h"

#include <cmath>
#include <cstring>
#include <ctime>

#include <gtest/gtest.h>

#include "tests/train/train_support.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/train/metrics.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;
using Scalars = std::vector<std::pair<std::string, double>>;

Scalars scalars_of(const char* line) {
  Scalars scalars;
  for (const ScalarValue& s : tensorboard_scalars(parse_json(line, "line", ExitCode::internal))) {
    scalars.emplace_back(s.tag, s.value);
  }
  return scalars;
}

// The one that is not empty, whose name is the last.
fs::path event_file(const fs::path& folder) {
  const std::vector<std::string> names = names_in(folder);
  EXPECT_EQ(names.back().rfind("events.out.tfevents.", 0), 0u) << names.back();
  for (std::size_t i = 0; i + 1 < names.size(); ++i)
    EXPECT_EQ(fs::file_size(folder / names[i]), 0u);
  return folder / names.back();
}

// The data of the records, one behind the other, and how much of the file they take.
std::pair<std::vector<std::string>, std::size_t> records_of(const std::string& bytes) {
  std::vector<std::string> records;
  std::size_t at = 0;
  while (at + 12 <= bytes.size()) {
    std::uint64_t length = 0;
    std::memcpy(&length, &bytes[at], 8);
    if (at + length + 16 > bytes.size()) break;
    records.push_back(bytes.substr(at + 12, length));
    at += length + 16;
  }
  return {records, at};
}

double wall_time_of(const std::string& record) {
  double time = 0;
  std::memcpy(&time, &record.at(1), 8);
  return time;
}

StepEvent step_event(std::int64_t step) {
  StepEvent event;
  event.step = step;
  event.loss = 2.5;
  event.tokens = 100;
  event.tokens_per_s = 10;
  return event;
}

TEST(TensorBoardScalars, TagsOfEveryEvent) {
  EXPECT_EQ(scalars_of(R"({"event": "step", "step": 3, "epoch": 0, "loss": 1.5, "data_ms": 2})"),
            (Scalars{{"train/epoch", 0}, {"train/loss", 1.5}, {"train/data_ms", 2}}));
  EXPECT_EQ(scalars_of(R"({"event": "eval", "step": 3, "loss": 1.5, "tokens": 7})"),
            (Scalars{{"eval/loss", 1.5}, {"eval/tokens", 7}}));
  EXPECT_EQ(scalars_of(R"({"event": "coupler", "step": 3, "layer": 2, "hyperedge_weights": [4, 5],
                           "mixing": [[1, 2]]})"),
            (Scalars{{"layer2/hyperedge_weight/0", 4},
                     {"layer2/hyperedge_weight/1", 5},
                     {"layer2/mixing/0/0", 1},
                     {"layer2/mixing/0/1", 2}}));
  EXPECT_EQ(scalars_of(R"({"event": "coupler", "step": 3, "layer": 0, "coupler_layer": 1,
                           "adjacency": [[9]]})"),
            (Scalars{{"layer0/coupler_layer1/adjacency/0/0", 9}}));
  EXPECT_EQ(scalars_of(R"({"event": "layer", "step": 3, "layer": 1, "expert_norms": [6],
                           "expert_cka": [[1, null]], "dirichlet_before": null,
                           "second_eigenvalue": 0.5})"),
            (Scalars{{"layer1/expert_norm/0", 6},
                     {"layer1/expert_cka/0/0", 1},
                     {"layer1/second_eigenvalue", 0.5}}));
}

TEST(TensorBoardScalars, WhatIsNotFiniteIsLeftOut) {
  Json event = {{"event", "eval"}, {"step", 1}};
  event["loss"] = std::nan("");
  event["perplexity"] = 2.0;
  const std::vector<ScalarValue> scalars = tensorboard_scalars(event);
  ASSERT_EQ(scalars.size(), 1u);
  EXPECT_EQ(scalars[0].tag, "eval/perplexity");
}

TEST(TensorBoardFile, MirrorsWhatThereIsAndWhatComes) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "tensorboard");
  put_file(folder / "tensorboard" / "events.out.tfevents.0000000001.7", "of an earlier process");
  MetricsWriter metrics(folder / "metrics.jsonl");
  metrics.write(step_event(1));
  metrics.write(step_event(2));
  metrics.mirror_to(folder / "tensorboard");
  metrics.write(EvalEvent{2, 1.5, 4.5, 9});

  EXPECT_EQ(names_in(folder / "tensorboard").size(), 2u);
  const fs::path path = event_file(folder / "tensorboard");
  const std::string bytes = read_text_file(path, ExitCode::internal);
  const auto [records, length] = records_of(bytes);
  EXPECT_EQ(length, bytes.size()) << "every event is whole and there at once";
  ASSERT_EQ(records.size(), 5u) << "version, restart, three events";
  EXPECT_TRUE(contains(records[0], "brain.Event:2"));
  EXPECT_TRUE(contains(records[2], "train/loss"));
  EXPECT_TRUE(contains(records[4], "eval/perplexity"));
  // A step took ten seconds.
  EXPECT_NEAR(wall_time_of(records[3]) - wall_time_of(records[2]), 10, 1e-3);
  EXPECT_NEAR(wall_time_of(records[3]), static_cast<double>(std::time(nullptr)), 60);
  EXPECT_GE(wall_time_of(records[4]), wall_time_of(records[3]));
}

TEST(TensorBoardFile, IsThatOfTheTruncatedMetrics) {
  const TemporaryFolder folder;
  MetricsWriter metrics(folder / "metrics.jsonl");
  metrics.write(step_event(1));
  const std::int64_t noted = metrics.length();
  metrics.write(step_event(2));
  metrics.truncate_to(noted);
  metrics.mirror_to(folder / "tensorboard");
  metrics.write(step_event(2));
  const auto records =
      records_of(read_text_file(event_file(folder / "tensorboard"), ExitCode::internal)).first;
  EXPECT_EQ(records.size(), 4u) << "step 2 stands there once";
}

// More than is kept in memory of them at a time.
TEST(TensorBoardFile, ALongPastIsWhole) {
  const TemporaryFolder folder;
  std::string lines;
  constexpr std::size_t kSteps = 50'000;
  for (std::size_t step = 1; step <= kSteps; ++step) {
    lines += R"({"event":"eval","step":)" + std::to_string(step) + R"(,"loss":2.5})" + "\n";
  }
  put_file(folder / "metrics.jsonl", lines);
  TensorBoardFile(folder / "tensorboard", folder / "metrics.jsonl");
  const std::string bytes = read_text_file(event_file(folder / "tensorboard"), ExitCode::internal);
  EXPECT_GT(bytes.size(), std::size_t{1} << 20);
  const auto [records, length] = records_of(bytes);
  EXPECT_EQ(length, bytes.size());
  EXPECT_EQ(records.size(), kSteps + 2) << "and the version and the restart";
}

TEST(TensorBoardFile, EmptiedFilesGoAndOthersStay) {
  const TemporaryFolder folder;
  put_file(folder / "metrics.jsonl", "");
  fs::create_directories(folder / "tensorboard");
  put_file(folder / "tensorboard" / "a_note", "mine");
  for (int start = 0; start < 4; ++start) {
    const TensorBoardFile file(folder / "tensorboard", folder / "metrics.jsonl");
  }
  EXPECT_EQ(names_in(folder / "tensorboard").size(), 3u) << "the last two and the note";
  EXPECT_EQ(read_text_file(folder / "tensorboard" / "a_note", ExitCode::internal), "mine");
}

TEST(TensorBoardFile, AFullDiskIsSaidAndLeavesWholeRecords) {
  const TemporaryFolder folder;
  put_file(folder / "metrics.jsonl", "");
  TensorBoardFile file(folder / "tensorboard", folder / "metrics.jsonl");
  const fs::path path = event_file(folder / "tensorboard");
  const std::string before = read_text_file(path, ExitCode::internal);
  const Json event = {{"event", "eval"}, {"step", 1}, {"loss", 2.5}};
  {
    const FileSizeLimit limit(before.size() + 10);
    const std::string message = message_of_error(ExitCode::disk, [&] { file.write(event); });
    EXPECT_TRUE(contains(message, path.string())) << message;
  }
  EXPECT_EQ(read_text_file(path, ExitCode::internal), before);
  file.write(event);
  EXPECT_GT(fs::file_size(path), before.size());
}

TEST(TensorBoardFile, MetricsThatAreNoneAreACheckpointError) {
  const TemporaryFolder folder;
  put_file(folder / "metrics.jsonl", "{\"event\":\"eval\",\"step\":1}\nnonsense\n");
  const std::string message = message_of_error(ExitCode::checkpoint, [&] {
    const TensorBoardFile file(folder / "tensorboard", folder / "metrics.jsonl");
  });
  EXPECT_TRUE(contains(message, "metrics.jsonl', event 2")) << message;
}

}  // namespace
}  // namespace hgnn_moe
