#include "hgnn_moe/sweep/sweep_export.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "tests/sweep/sweep_support.h"

#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

TEST(ShellWord, IsReadAsItIs) {
  EXPECT_EQ(shell_word("plain-1.5/x_y:z=1,2+@"), "plain-1.5/x_y:z=1,2+@");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's $HOME"), "'it'\\''s $HOME'");
}

// In a word of its own, so that none is quoted because of another.
TEST(ShellWord, AShellGivesEveryCharacterBack) {
  const TemporaryFolder folder;
  std::string command = "printf '%s\\0'", expected;
  for (int c = 1; c < 128; ++c) {
    const std::string word = {'a', static_cast<char>(c), 'b'};
    command += " " + shell_word(word);
    expected += word + '\0';
  }
  command += " > " + (folder / "words").string();
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(read_text_file(folder / "words", ExitCode::internal), expected);
}

constexpr MachineShare kAlone{1, 8, 0};

class SweepExportTest : public SweepFileTest {
 protected:
  SweepRecords open(const std::string& parts, const std::vector<std::string>& flags = {}) {
    SweepPlan rows = plan(parts, flags);
    std::filesystem::create_directories(folder() / "my runs");
    return SweepRecords(folder() / "my runs", read_sweep_file((folder() / "sweep.json").string()),
                        std::move(rows), forecaster_);
  }

  static std::vector<std::string> lines_of(const std::filesystem::path& file) {
    std::istringstream text(read_text_file(file, ExitCode::internal));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  // Of the array job.
  std::filesystem::path only_commands_file() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder() / "my runs")) {
      if (entry.path().filename().string().rfind("commands", 0) == 0) files.push_back(entry);
    }
    EXPECT_EQ(files.size(), 1u);
    return files.at(0);
  }

  Forecaster forecaster_;
};

TEST_F(SweepExportTest, ALineARunWithItsOptions) {
  const SweepRecords records = open(R"("grid": {"num_experts": [2, 3]})");
  const ExportedSweep exported = export_sweep(records, SweepExport::commands, kAlone);
  EXPECT_EQ(exported.runs, 2u);
  EXPECT_EQ(exported.file, folder() / "my runs/commands.txt");
  const std::vector<std::string> lines = lines_of(exported.file);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].rfind("cd " + shell_word(std::filesystem::current_path().string()) +
                               " && exec " + program_path().string() + " ",
                           0),
            0u)
      << lines[1];
  EXPECT_TRUE(contains(lines[1], records.rows()[1].id + "/options.json'")) << lines[1];
  EXPECT_TRUE(contains(lines[1], " --run_name " + records.rows()[1].id)) << lines[1];
  EXPECT_TRUE(contains(lines[1], " --resume_checkpoint auto")) << lines[1];
  const Json options = read_json_file(records.run_folder(1) / "options.json", ExitCode::internal);
  EXPECT_EQ(options.at("num_experts"), 3);
  EXPECT_EQ(options.at("embed_dim"), 16);
  EXPECT_EQ(options.at("seed"), 42);
}

TEST_F(SweepExportTest, RowsThatAreDoneAreLeftOut) {
  SweepRecords records = open(R"("grid": {"num_experts": [2, 3], "num_heads": [2, 3]})");
  RowOutcome outcome;
  outcome.status = RowStatus::done;
  records.set_outcome(0, outcome);
  EXPECT_EQ(export_sweep(records, SweepExport::commands, kAlone).runs, 1u)
      << "two have bad options";
}

TEST_F(SweepExportTest, RowsWithoutALengthWait) {
  const SweepRecords records = open(R"("groups": [
      {"name": "plain", "base": {"coupler_type": "NONE", "num_experts": 1},
       "match_time": {"coupler_type": "GNN", "num_experts": 2}},
      {"name": "reference", "base": {"coupler_type": "GNN"}}])");
  const ExportedSweep exported = export_sweep(records, SweepExport::commands, kAlone);
  EXPECT_EQ(exported.runs, 1u);
  EXPECT_EQ(exported.waiting, 1u);
}

TEST_F(SweepExportTest, AnArrayJobGoesThroughTheLines) {
  const SweepRecords records =
      open(R"("grid": {"num_experts": [2, 3, 4]})", {"--run_name", "my sweep"});
  const ExportedSweep exported = export_sweep(records, SweepExport::slurm, kAlone);
  EXPECT_EQ(exported.file, folder() / "my runs/sweep.sbatch");
  const std::string script = read_text_file(exported.file, ExitCode::internal);
  EXPECT_EQ(script.rfind("#!/bin/bash\n#SBATCH --job-name=\"my sweep\"\n#SBATCH --array=1-3\n", 0),
            0u)
      << script;
  EXPECT_TRUE(contains(script, "#SBATCH --signal=B:TERM@120\n"));
  EXPECT_TRUE(contains(
      script, "#SBATCH --output=\"" + (folder() / "my runs").string() + "/slurm-%A_%a.log\"\n"))
      << script;
  EXPECT_EQ(lines_of(only_commands_file()).size(), 3u);
}

TEST_F(SweepExportTest, AQueuedJobKeepsItsLines) {
  SweepRecords records = open(R"("grid": {"num_experts": [2, 3, 4]})");
  export_sweep(records, SweepExport::slurm, kAlone);
  const std::filesystem::path queued = only_commands_file();
  const std::vector<std::string> lines = lines_of(queued);
  RowOutcome outcome;
  outcome.status = RowStatus::done;
  records.set_outcome(0, outcome);
  const ExportedSweep again = export_sweep(records, SweepExport::slurm, kAlone);
  EXPECT_EQ(again.runs, 2u);
  EXPECT_EQ(lines_of(queued), lines);
  EXPECT_FALSE(
      contains(read_text_file(again.file, ExitCode::internal), queued.filename().string()));
}

TEST_F(SweepExportTest, NothingIsWrittenForNoRuns) {
  SweepRecords records = open("");
  RowOutcome outcome;
  outcome.status = RowStatus::done;
  records.set_outcome(0, outcome);
  const ExportedSweep exported = export_sweep(records, SweepExport::slurm, kAlone);
  EXPECT_EQ(exported.runs, 0u);
  EXPECT_TRUE(exported.file.empty());
  EXPECT_FALSE(std::filesystem::exists(folder() / "my runs/sweep.sbatch"));
}

TEST_F(SweepExportTest, OddNamesOfFoldersAreNoPatterns) {
  const std::filesystem::path odd = folder() / "10 % #1";
  std::filesystem::create_directories(odd);
  SweepPlan rows = plan("");
  const SweepRecords records(odd, read_sweep_file((folder() / "sweep.json").string()),
                             std::move(rows), forecaster_);
  const std::string script =
      read_text_file(export_sweep(records, SweepExport::slurm, kAlone).file, ExitCode::internal);
  EXPECT_TRUE(contains(script, "/10 %% \\#1/slurm-%A_%a.log\"\n")) << script;
  EXPECT_TRUE(contains(script, "#SBATCH --output=\"/")) << script;
}

TEST_F(SweepExportTest, RunsSideBySideGetTheirThreads) {
  const SweepRecords records = open(R"("points": [{}, {"threads": 5}])");
  const auto lines = [&](const MachineShare& share) {
    return lines_of(export_sweep(records, SweepExport::commands, share).file);
  };
  EXPECT_TRUE(contains(lines({4, 8, 0})[0], " --threads 2"));
  EXPECT_FALSE(contains(lines({4, 8, 0})[1], "--threads")) << "it has its own";
  EXPECT_FALSE(contains(lines(kAlone)[0], "--threads"));
}

// With the scheduler's variable, as it would run it.
TEST_F(SweepExportTest, TheArrayJobRunsItsLineAndPassesTheExitCodeOn) {
  const ExportedSweep exported =
      export_sweep(open(R"("grid": {"num_experts": [2, 3]})"), SweepExport::slurm, kAlone);
  put_file(only_commands_file(), "echo first\ncd / && exec sh -c 'exit 7'\n");
  const auto run = [&](const std::string& task) {
    const std::string command =
        "SLURM_ARRAY_TASK_ID=" + task + " bash " + shell_word(exported.file.string());
    return WEXITSTATUS(std::system(command.c_str()));
  };
  EXPECT_EQ(run("1"), 0);
  EXPECT_EQ(run("2"), 7);
}

// Before the time limit a scheduler signals the script alone.
TEST_F(SweepExportTest, TheArrayJobPassesItsSignalOnAndWaits) {
  const ExportedSweep exported =
      export_sweep(open(R"("grid": {"num_experts": [2, 3]})"), SweepExport::slurm, kAlone);
  const auto file = [&](const std::string& name) { return (folder() / name).string(); };
  const auto is_there = [&](const std::string& name) {
    for (int i = 0; i < 2000 && !std::filesystem::exists(folder() / name); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return std::filesystem::exists(folder() / name);
  };
  // A run that saves for a while when it is told to stop, and otherwise ends by itself. It is ready
  // when the script is long past its trap.
  put_file(file("run.sh"), "trap 'sleep 0.3; touch " + file("saved") +
                               "; exit 143' TERM\nsleep 0.3\ntouch " + file("ready") +
                               "\nfor i in $(seq 200); do sleep 0.05; done\n");
  put_file(only_commands_file(), "cd / && exec bash " + file("run.sh") + "\n");
  const std::string job = "(SLURM_ARRAY_TASK_ID=1 sh -c 'echo $$ > " + file("pid") +
                          "; exec bash \"$0\"' " + shell_word(exported.file.string()) +
                          "; echo $? > " + file("part") + "; mv " + file("part") + " " +
                          file("code") + ") &";
  ASSERT_EQ(std::system(job.c_str()), 0);
  ASSERT_TRUE(is_there("ready"));
  kill(std::stoi(read_text_file(file("pid"), ExitCode::internal)), SIGTERM);
  ASSERT_TRUE(is_there("code"));
  EXPECT_EQ(read_text_file(file("code"), ExitCode::internal), "143\n");
  EXPECT_TRUE(std::filesystem::exists(file("saved")));
}

}  // namespace
}  // namespace hgnn_moe
