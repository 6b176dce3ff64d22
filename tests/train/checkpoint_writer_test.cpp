#include "hgnn_moe/train/checkpoint_writer.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <sstream>
#include <thread>

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/train/train_support.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/train/checkpoint_folder.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSmall = 100;
constexpr std::int64_t kLarge = 6'000'000;  // 72 MB to write: some hundredths of a second

// A model of one tensor in a run's folder, with its writer.
class CheckpointWriterTest : public ::testing::Test {
 protected:
  void open(std::int64_t elements, std::int64_t keep = 9) {
    parameters_ = {{"weight", at::zeros({elements}).requires_grad_(true)}};
    optimizer_ = std::make_unique<AdamW>(parameters_, AdamWOptions{});
    metrics_ = std::make_unique<MetricsWriter>(metrics_file_);
    writer_ = std::make_unique<CheckpointWriter>(CheckpointTarget{run_.path(), {}, keep},
                                                 checkpoint_tensors(*optimizer_), *metrics_, log_,
                                                 [this] { return available_; });
  }

  // All of the state gets the value.
  void set(double value) {
    const c10::NoGradGuard no_grad;
    const CheckpointTensors tensors = checkpoint_tensors(*optimizer_);
    for (const ParameterList* list : {&tensors.parameters, &tensors.optimizer_state}) {
      for (const NamedParameter& entry : *list) at::Tensor(entry.tensor).fill_(value);
    }
  }

  static TrainingState at_step(std::int64_t step) {
    TrainingState state;
    state.step = step;
    return state;
  }

  fs::path checkpoint(std::int64_t step) const {
    return checkpoints_folder(run_.path()) / checkpoint_name(step);
  }

  // The checkpoint is intact and every element of it has the value.
  void expect_value(std::int64_t step, double value) {
    set(-1);
    EXPECT_EQ(load_checkpoint(checkpoint(step), checkpoint_tensors(*optimizer_)).step, step);
    const CheckpointTensors tensors = checkpoint_tensors(*optimizer_);
    for (const ParameterList* list : {&tensors.parameters, &tensors.optimizer_state}) {
      for (const NamedParameter& entry : *list) {
        EXPECT_TRUE((entry.tensor == value).all().item<bool>()) << entry.name;
      }
    }
  }

  std::string message_of_wait() {
    return message_of_error(ExitCode::disk, [&] { writer_->wait(); });
  }

  const TemporaryFolder run_;
  fs::path metrics_file_ = run_ / "metrics.jsonl";
  std::ostringstream said_;
  std::optional<std::int64_t> available_;  // memory
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::ostream_sink_st>(said_)};
  ParameterList parameters_;
  std::unique_ptr<AdamW> optimizer_;
  std::unique_ptr<MetricsWriter> metrics_;
  std::unique_ptr<CheckpointWriter> writer_;
};

TEST_F(CheckpointWriterTest, HoldsWhatTheTensorsWereWhenItWasAsked) {
  open(kLarge);
  for (const std::int64_t step : {1, 2}) {  // the second into the memory of the first
    set(static_cast<double>(step));
    writer_->save(at_step(step));
    set(7);  // training goes on
  }
  writer_->wait();
  expect_value(1, 1);
  expect_value(2, 2);
}

TEST_F(CheckpointWriterTest, NeitherSavingNorCheckingWaitsForTheDisk) {
  open(kLarge, /*keep=*/1);
  int returned_before = 0;
  for (std::int64_t step = 1; step <= 5; ++step) {
    writer_->wait();
    writer_->save(at_step(step));
    writer_->check();
    if (!fs::exists(checkpoint(step))) ++returned_before;
  }
  EXPECT_GT(returned_before, 0);
}

TEST_F(CheckpointWriterTest, QuickSavesComeOneAfterTheOtherAndPrune) {
  open(kSmall, /*keep=*/2);
  for (std::int64_t step = 1; step <= 20; ++step) {
    set(static_cast<double>(step));
    writer_->save(at_step(step));
  }
  set(21);
  writer_->save_now(at_step(21));
  EXPECT_EQ(names_in(checkpoints_folder(run_.path())),
            (std::vector<std::string>{"latest", checkpoint_name(20), checkpoint_name(21)}));
  EXPECT_EQ(read_pointer(run_.path(), CheckpointPointer::latest)->step, 21);
  expect_value(20, 20);
  expect_value(21, 21);
}

TEST_F(CheckpointWriterTest, TheLastOneIsThereWhenItReturns) {
  open(kLarge);
  set(3);
  writer_->save_now(at_step(3));
  EXPECT_TRUE(fs::exists(checkpoint(3)));
  expect_value(3, 3);
}

TEST_F(CheckpointWriterTest, AFullDiskIsThrownOnceByTheNextCallAndTheEarlierOnesStay) {
  open(kSmall);
  set(1);
  writer_->save_now(at_step(1));
  {
    const FileSizeLimit limit(200);
    writer_->save(at_step(2));
    const std::string message = message_of_wait();
    EXPECT_TRUE(contains(message, "model.safetensors")) << message;
    writer_->wait();
    writer_->check();

    writer_->save(at_step(3));
    message_of_error(ExitCode::disk, [&] { writer_->save(at_step(4)); });
    writer_->save(at_step(5));
    message_of_error(ExitCode::disk, [&] { writer_->save_now(at_step(6)); });
    writer_->save(at_step(7));
    message_of_error(ExitCode::disk, [&] {
      for (int i = 0; i < 1000; ++i) {
        writer_->check();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    });
  }
  EXPECT_EQ(names_in(checkpoints_folder(run_.path())),
            (std::vector<std::string>{"latest", checkpoint_name(1)}));
  set(8);
  writer_->save(at_step(8));
  writer_->wait();
  expect_value(1, 1);
  expect_value(8, 8);
}

// A step whose loss and gradient were finite may ruin the weights all the same.
TEST_F(CheckpointWriterTest, WeightsThatAreNotFiniteAreNotPublishedAndPruneNothing) {
  open(kSmall, /*keep=*/1);
  set(1);
  writer_->save_now(at_step(1));
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {std::nan(""), infinity, -infinity}) {
    {
      const c10::NoGradGuard no_grad;
      parameters_[0].tensor[kSmall - 1].fill_(value);
    }
    std::string message =
        message_of_error(ExitCode::diverged, [&] { writer_->save_now(at_step(2)); });
    EXPECT_TRUE(contains(message, "step 2: weight holds a value that is not finite")) << message;
    writer_->save(at_step(3));
    message = message_of_error(ExitCode::diverged, [&] { writer_->wait(); });
    EXPECT_TRUE(contains(message, "step 3: weight")) << message;
  }
  EXPECT_EQ(names_in(checkpoints_folder(run_.path())),
            (std::vector<std::string>{"latest", checkpoint_name(1)}));
  EXPECT_EQ(read_pointer(run_.path(), CheckpointPointer::latest)->step, 1);
  expect_value(1, 1);
}

// Whichever of the two the trainer sees first.
TEST_F(CheckpointWriterTest, WhatDivergedFirstIsTheCheckpointUnderWay) {
  const Error later(ExitCode::diverged, "step 3: the loss is nan");
  open(kSmall);
  EXPECT_STREQ(writer_->first_divergence(later).what(), later.what());
  set(std::nan(""));
  writer_->save(at_step(2));
  EXPECT_TRUE(contains(writer_->first_divergence(later).what(), "step 2: weight"));
  EXPECT_EQ(said_.str(), "");
  set(1);
  const FileSizeLimit limit(200);
  writer_->save(at_step(2));
  EXPECT_STREQ(writer_->first_divergence(later).what(), later.what());
  EXPECT_TRUE(contains(said_.str(), "model.safetensors")) << said_.str();
}

// fsync of this device is refused, so a checkpoint that is there would have been published first.
TEST_F(CheckpointWriterTest, NothingIsPublishedBeforeTheMetricsAreDurable) {
  metrics_file_ = "/dev/null";
  open(kSmall);
  writer_->save(at_step(1));
  EXPECT_TRUE(contains(message_of_wait(), "/dev/null"));
  EXPECT_FALSE(fs::exists(checkpoint(1)));
}

TEST_F(CheckpointWriterTest, TheDestructorWaits) {
  open(kLarge);
  set(1);
  writer_->save(at_step(1));
  writer_.reset();
  EXPECT_EQ(said_.str(), "");
  expect_value(1, 1);
}

TEST_F(CheckpointWriterTest, TheDestructorLogsWhatNobodyHasSeen) {
  open(kSmall);
  const FileSizeLimit limit(200);
  writer_->save(at_step(1));
  writer_.reset();
  EXPECT_TRUE(contains(said_.str(), "model.safetensors")) << said_.str();
}

// While it lives, no more than `bytes` of further memory can be had.
class MemoryLimit {
 public:
  explicit MemoryLimit(rlim_t bytes) {
    getrlimit(RLIMIT_AS, &previous_);
    std::ifstream statm("/proc/self/statm");
    rlim_t pages = 0;
    statm >> pages;
    rlimit limit = previous_;
    limit.rlim_cur = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + bytes;
    setrlimit(RLIMIT_AS, &limit);
  }
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &previous_); }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  rlimit previous_{};
};

// The copy of 100 elements and two moments, of four bytes each, and of the count of updates.
TEST_F(CheckpointWriterTest, ACopyThatIsLargerThanWhatIsLeftIsNotMade) {
  const std::int64_t needed = 3 * 4 * kSmall + 4;
  for (const std::int64_t left : {needed - 1, needed}) {
    open(kSmall);
    available_ = left;
    said_.str("");
    set(static_cast<double>(left));
    writer_->save(at_step(left));
    available_ = std::nullopt;
    writer_->save(at_step(left + 10));
    EXPECT_EQ(contains(said_.str(), "no memory"), left < needed) << said_.str();
    writer_->wait();
    expect_value(left, static_cast<double>(left));
  }
}

TEST_F(CheckpointWriterTest, WithoutMemoryForACopyTheCallerWaits) {
  open(3 * kLarge);
  for (const std::int64_t step : {1, 2}) {
    set(static_cast<double>(step));
    const MemoryLimit limit(20 << 20);
    writer_->save(at_step(step));
    EXPECT_TRUE(fs::exists(checkpoint(step)));
  }
  EXPECT_TRUE(contains(said_.str(), "no memory")) << said_.str();
  EXPECT_EQ(said_.str().find("no memory"), said_.str().rfind("no memory")) << "said once";
  expect_value(2, 2);
}

}  // namespace
}  // namespace hgnn_moe
