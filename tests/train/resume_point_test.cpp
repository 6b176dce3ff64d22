#include "hgnn_moe/train/resume_point.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>

#include "tests/train/train_support.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/train/checkpoint_folder.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;

// A run with a checkpoint of step 20.
class ResumePointTest : public ::testing::Test {
 protected:
  ResumePointTest() {
    TrainingState state;
    state.step = 20;
    state.fingerprint = fingerprint_;
    folder_ = save_checkpoint(location_.folder(), checkpoint_tensors(optimizer_), state, {});
  }

  const TemporaryFolder runs_;
  const RunLocation location_{runs_.path(), "run"};
  const ParameterList parameters_ = make_parameters();
  AdamW optimizer_{parameters_, AdamWOptions{}};
  const Json fingerprint_ = {{"horizon", Json::object()}};
  fs::path folder_;
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::null_sink_st>()};
};

TEST_F(ResumePointTest, ACheckpointIsGivenByItsFolderByAPointerOrByAuto) {
  const fs::path checkpoints = checkpoints_folder(location_.folder());
  write_pointer(location_.folder(), CheckpointPointer::best, 20);
  for (const std::string& given :
       {std::string("auto"), folder_.string(), folder_.string() + "/",
        (checkpoints / "latest").string(), (checkpoints / "." / "best").string()}) {
    const auto found = find_resume_checkpoint(given, location_, log_);
    ASSERT_TRUE(found.has_value()) << given;
    EXPECT_EQ(found->folder, folder_) << given;
    EXPECT_EQ(found->state.step, 20) << given;
    if (given == "auto") continue;
    const RunLocation run = locate_run({"", "", given, false});
    EXPECT_EQ(run.folder(), location_.folder()) << given;
  }
  EXPECT_FALSE(find_resume_checkpoint("", location_, log_).has_value());
  message_of_error(ExitCode::checkpoint,
                   [&] { locate_run({"", "", (runs_ / "latest").string(), false}); });
}

TEST_F(ResumePointTest, AWorkingFolderThatNoRecordCanHoldIsRefused) {
  const fs::path before = fs::current_path(), odd = runs_ / "nu\xff";
  fs::create_directory(odd);
  fs::current_path(odd);
  const std::string message =
      message_of_error(ExitCode::usage, [&] { locate_run({"runs", "run", "", true}); });
  fs::current_path(before);
  EXPECT_NE(message.find("is not UTF-8"), std::string::npos) << message;
  EXPECT_EQ(locate_run({"runs", "run", "", true}).run_name, "run");
}

// Reading a large one takes as long as training some steps. What changes it afterwards, under the
// run's lock, is not looked for.
TEST_F(ResumePointTest, ItsBytesAreComparedOnce) {
  for (const std::string& given : {std::string("auto"), folder_.string()}) {
    const auto found = find_resume_checkpoint(given, location_, log_);
    const fs::path file = folder_ / kOptimizerFile;
    const std::string intact = read_text_file(file, ExitCode::internal);
    std::string bytes = intact;
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    put_file(file, bytes);
    MetricsWriter metrics(runs_ / "metrics.jsonl");
    const TrainingState state = begin_run(fingerprint_, found, location_.folder(),
                                          checkpoint_tensors(optimizer_), metrics, log_);
    EXPECT_EQ(state.step, 20);
    message_of_error(ExitCode::checkpoint,
                     [&] { find_resume_checkpoint(folder_.string(), location_, log_); });
    put_file(file, intact);
  }
}

}  // namespace
}  // namespace hgnn_moe
