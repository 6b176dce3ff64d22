// Sweeps that are killed or stopped and started again, beside a twin that is left alone.
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "tests/e2e/sweep_fixture.h"

namespace hgnn_moe::e2e {
namespace {

class InterruptedSweepTest : public SweepTest {
 protected:
  static Flags smoke(const std::string& name) {
    return {{"sweep", HGNN_MOE_SOURCE_DIR "/configs/sweeps/smoke.json"},
            {"checkpoint_dir", "runs"},
            {"run_name", name}};
  }

  std::size_t rows_with(const std::string& name, const std::string& status) const {
    const fs::path file = path("runs/" + name + "/sweep.json");
    if (!fs::exists(file)) return 0;
    std::size_t count = 0;
    const Json sweep = read_json(file);
    for (const Json& row : sweep.at("rows")) count += row.at("status") == status;
    return count;
  }

  // The process that trains the run of this name in this test's folder, for others may run the same
  // test; 0 where there is none.
  pid_t process_of_run(const std::string& name) const {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string number = entry.path().filename();
      if (number.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream file(entry.path() / "cmdline", std::ios::binary);
      const std::string words{std::istreambuf_iterator<char>(file), {}};
      std::error_code gone;
      if (words.find(std::string("--run_name\0", 11) + name + '\0') != std::string::npos &&
          fs::equivalent(entry.path() / "cwd", folder(), gone)) {
        return static_cast<pid_t>(std::stol(number));
      }
    }
    return 0;
  }

  // A zombie that nobody has waited for is not.
  static bool is_alive(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    const std::string stat{std::istreambuf_iterator<char>(file), {}};
    const std::size_t name_end = stat.rfind(')');
    return name_end != std::string::npos && stat.at(name_end + 2) != 'Z';
  }

  template <typename Condition>
  static void wait_until(Process& process, Condition condition) {
    while (process.is_running() && !condition()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
};

TEST_F(InterruptedSweepTest, KilledAtAnyMomentItGivesTheSameTable) {
  expect_success(run(smoke("twin")));
  const Json expected = repeatable_table("twin");
  const std::size_t rows = expected.at("rows").size();
  EXPECT_EQ(rows, 14u);

  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  for (const std::size_t done : {std::size_t{0}, rows / 3, 2 * rows / 3}) {
    const auto process = start(smoke("killed"));
    wait_until(*process, [&] { return rows_with("killed", "done") >= done; });
    // Somewhere in the start-up, the steps or the records of the next row or two.
    std::this_thread::sleep_for(std::chrono::duration<double>(1.5 * uniform(random)));
    process->send(SIGKILL);
    ASSERT_EQ(process->wait().signal, SIGKILL);
    EXPECT_LT(rows_with("killed", "done"), rows);
  }
  expect_success(run(smoke("killed")));
  EXPECT_EQ(repeatable_table("killed").dump(1), expected.dump(1));
}

TEST_F(InterruptedSweepTest, ASignalIsPassedOnAndTheRowResumes) {
  write_sweep(
      R"("grid": {"num_experts": [2, 3]}, "zip": {"max_steps": [400], "eval_every": [20]})");
  const auto process = start(sweep_flags());
  wait_until(*process, [&] {
    return fs::exists(path("runs/sweep/sweep.json")) && rows_with("sweep", "running") == 1 &&
           fs::exists(run_folder(0) / "checkpoints/latest");
  });
  process->send(SIGTERM);
  const ProcessResult result = process->wait();
  EXPECT_EQ(result.exit_code, 128 + SIGTERM) << result.err;
  EXPECT_EQ(column("status").dump(), R"(["stopped","pending"])");
  EXPECT_EQ(read_json(run_folder(0) / "run_summary.json").at("status"), "stopped");
  const std::int64_t saved = read_json(run_folder(0) / "run_summary.json").at("steps");
  EXPECT_GT(saved, 0);
  EXPECT_LT(saved, 400);

  expect_success(run(sweep_flags()));
  EXPECT_EQ(column("status").dump(), R"(["done","done"])");
  EXPECT_EQ(column("steps").dump(), "[400,400]");
  EXPECT_TRUE(contains(data::testing::read_bytes(run_folder(0) / "output.log"), "resumed from"));
}

TEST_F(InterruptedSweepTest, ASecondSignalKills) {
  write_sweep(R"("grid": {"max_steps": [1000000]}, "zip": {"epochs": [1000000]})");
  const auto process = start(sweep_flags());
  wait_until(*process, [&] {
    return fs::exists(path("runs/sweep/sweep.json")) && rows_with("sweep", "running") == 1 &&
           fs::exists(run_folder(0) / "checkpoints/latest");
  });
  const pid_t child = process_of_run(table().at("rows").at(0).at("id"));
  ASSERT_GT(child, 0);
  kill(child, SIGSTOP);  // as good as a run that never comes to the end of its step
  process->send(SIGTERM);
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));
  EXPECT_TRUE(process->is_running()) << "it waits for its run to save";
  process->send(SIGTERM);
  EXPECT_EQ(process->wait().signal, SIGTERM);
  for (int i = 0; i < 2000 && is_alive(child); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(is_alive(child)) << "its run has died with it";
}

}  // namespace
}  // namespace hgnn_moe::e2e
