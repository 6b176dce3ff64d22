#include "hgnn_moe/train/run_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;

// A folder as a finished run leaves it, with a file of the user's.
void put_run(const fs::path& folder) {
  fs::create_directories(folder / "checkpoints" / "step-00000020");
  fs::create_directories(folder / "plots");
  fs::create_directories(folder / "tensorboard");
  fs::create_directories(folder / "profile");
  fs::create_directories(folder / "ablation");
  for (const char* name : {"config.json", "metrics.jsonl", "run_summary.json", "train.log",
                           "notes.txt", "checkpoints/step-00000020/state.json"}) {
    put_file(folder / name, "content\n");
  }
}

TEST(RunFolder, IsCreatedWithItsParents) {
  const TemporaryFolder temporary;
  const RunFolder run = RunFolder::open(temporary / "a/b", "run", RunStart::fresh);
  EXPECT_EQ(run.path(), temporary / "a/b" / "run");
  EXPECT_TRUE(fs::is_directory(run.path()));
  EXPECT_EQ(run.metrics_file(), run.path() / "metrics.jsonl");
  EXPECT_EQ(run.log_file(), run.path() / "train.log");
  EXPECT_EQ(run.ablation_folder(), run.path() / "ablation");
  EXPECT_EQ(run.tensorboard_folder(), run.path() / "tensorboard");
}

TEST(RunFolder, AnEmptyFolderOrOneWithForeignFilesIsFree) {
  const TemporaryFolder temporary;
  fs::create_directories(temporary / "run");
  put_file(temporary / "run" / "notes.txt", "mine");
  EXPECT_NO_THROW(RunFolder::open(temporary.path(), "run", RunStart::fresh));
}

TEST(RunFolder, AnOccupiedOneIsRefusedAndBothWaysAreNamed) {
  for (const char* mark : {"config.json", "metrics.jsonl", "checkpoints"}) {
    const TemporaryFolder temporary;
    fs::create_directories(temporary / "run");
    put_file(temporary / "run" / mark, "x");
    const std::string message = message_of_error(
        ExitCode::usage, [&] { RunFolder::open(temporary.path(), "run", RunStart::fresh); });
    EXPECT_TRUE(contains(message, (temporary / "run").string())) << message;
    EXPECT_TRUE(contains(message, mark)) << message;
    EXPECT_TRUE(contains(message, "--resume_checkpoint auto")) << message;
    EXPECT_TRUE(contains(message, "--overwrite")) << message;
    EXPECT_TRUE(fs::exists(temporary / "run" / mark));
  }
}

TEST(RunFolder, ResumeKeepsEverything) {
  const TemporaryFolder temporary;
  put_run(temporary / "run");
  std::vector<std::string> expected = names_in(temporary / "run");
  expected.insert(expected.begin(), ".lock");
  const RunFolder run = RunFolder::open(temporary.path(), "run", RunStart::resume);
  EXPECT_EQ(names_in(run.path()), expected);
}

TEST(RunFolder, AnInterruptedProfileIsRemoved) {
  const TemporaryFolder temporary;
  put_run(temporary / "run");
  const fs::path profile = temporary / "run/profile";
  for (const char* name : {"table.txt", "trace.json", "trace.json.12.tmp"}) {
    put_file(profile / name, "{}");
  }
  const RunFolder run = RunFolder::open(temporary.path(), "run", RunStart::resume);
  EXPECT_EQ(run.profile_folder(), profile);
  EXPECT_EQ(names_in(profile), (std::vector<std::string>{"table.txt", "trace.json"}));
}

TEST(RunFolder, OverwriteRemovesTheRunsOwnFilesOnly) {
  const TemporaryFolder temporary;
  put_run(temporary / "run");
  const RunFolder run = RunFolder::open(temporary.path(), "run", RunStart::overwrite);
  EXPECT_EQ(names_in(run.path()), (std::vector<std::string>{".lock", "notes.txt"}));
}

TEST(RunFolder, ARunInProgressIsNotTouched) {
  const TemporaryFolder temporary;
  put_run(temporary / "run");
  const RunFolder first = RunFolder::open(temporary.path(), "run", RunStart::resume);
  const std::vector<std::string> before = names_in(first.path());
  for (const RunStart start : {RunStart::fresh, RunStart::resume, RunStart::overwrite}) {
    message_of_error(ExitCode::usage, [&] { RunFolder::open(temporary.path(), "run", start); });
  }
  EXPECT_EQ(names_in(first.path()), before);
}

TEST(RunFolder, TheLockEndsWithTheObject) {
  const TemporaryFolder temporary;
  {
    const RunFolder first = RunFolder::open(temporary.path(), "run", RunStart::fresh);
  }
  EXPECT_NO_THROW(RunFolder::open(temporary.path(), "run", RunStart::fresh));
}

TEST(RunFolder, WritesJsonFiles) {
  const TemporaryFolder temporary;
  const RunFolder run = RunFolder::open(temporary.path(), "run", RunStart::fresh);
  run.write_config({{"seed", 42}, {"embed_dim", 256}});
  run.write_summary({{"status", "done"}});
  run.write_summary({{"status", "stopped"}});
  EXPECT_EQ(read_text_file(run.path() / "config.json", ExitCode::internal),
            "{\n  \"seed\": 42,\n  \"embed_dim\": 256\n}\n");
  EXPECT_EQ(read_text_file(run.path() / "run_summary.json", ExitCode::internal),
            "{\n  \"status\": \"stopped\"\n}\n");
  EXPECT_EQ(names_in(run.path()),
            (std::vector<std::string>{".lock", "config.json", "run_summary.json"}));
}

TEST(RunFolder, LeftoversOfAKilledProcessAreRemoved) {
  const TemporaryFolder temporary;
  const fs::path folder = temporary / "run";
  put_run(folder);
  put_file(folder / "config.json.1234.tmp", "{");
  put_file(folder / "run_summary.json.99.tmp", "{");
  put_file(folder / "config.json.mine.tmp", "the user's");
  put_file(folder / "checkpoints" / "latest.1234.tmp", "step");
  fs::create_directories(folder / "checkpoints" / ".tmp-step-00000040");
  const RunFolder run = RunFolder::open(temporary.path(), "run", RunStart::resume);
  EXPECT_FALSE(fs::exists(folder / "config.json.1234.tmp"));
  EXPECT_FALSE(fs::exists(folder / "run_summary.json.99.tmp"));
  EXPECT_TRUE(fs::exists(folder / "config.json.mine.tmp"));
  EXPECT_EQ(names_in(folder / "checkpoints"), std::vector<std::string>{"step-00000020"});
}

TEST(RunFolder, AFileInTheWayIsADiskError) {
  const TemporaryFolder temporary;
  put_file(temporary / "file", "x");
  const std::string message = message_of_error(
      ExitCode::disk, [&] { RunFolder::open(temporary / "file", "run", RunStart::fresh); });
  EXPECT_TRUE(contains(message, (temporary / "file").string())) << message;
}

// Permissions do not bind root, so a child process gives its rights up first.
TEST(RunFolder, AnUnwritableFolderIsADiskError) {
  const TemporaryFolder temporary;
  fs::permissions(temporary.path(), fs::perms::owner_read | fs::perms::owner_exec |
                                        fs::perms::others_read | fs::perms::others_exec);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (geteuid() == 0 && setuid(kNobody) != 0) {
      _exit(100);
    }
    try {
      RunFolder::open(temporary.path(), "run", RunStart::fresh);
    } catch (const Error& error) {
      _exit(static_cast<int>(error.code()));
    }
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  fs::permissions(temporary.path(), fs::perms::owner_all);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), static_cast<int>(ExitCode::disk));
}

}  // namespace
}  // namespace hgnn_moe
