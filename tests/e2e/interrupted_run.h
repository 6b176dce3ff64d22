// Runs that are killed and resumed, beside a twin that is left alone.
#pragma once

#include <csignal>
#include <random>
#include <thread>

#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {

// A GNN over several epochs with short last batches, and checkpoints on and off the evaluations. It
// resumes automatically, its first start included.
inline Flags resumable() {
  return tiny_synthetic().with({{"num_train_samples", "150"},
                                {"max_steps", "150"},
                                {"eval_every", "20"},
                                {"save_every", "7"},
                                {"resume_checkpoint", "auto"}});
}

// Dropout, accumulation over a last step of fewer batches, learned hyperedge weights, two threads.
inline Flags resumable_hgnn() {
  return resumable().with({{"coupler_type", "HGNN"},
                           {"num_experts", "3"},
                           {"hgnn_learnable_edge_weights", ""},
                           {"dropout_rate", "0.2"},
                           {"sample_mode", "packed"},
                           {"batch_size", "6"},
                           {"gradient_accumulation_steps", "3"},
                           {"epochs", "50"},
                           {"threads", "2"}});
}

class InterruptedRunTest : public ProgramTest {
 protected:
  static constexpr const char* kRun = "runs/run";

  // The twin: `flags` without an interruption.
  fs::path run_undisturbed(const Flags& flags) const {
    expect_success(run(flags.with({{"checkpoint_dir", "twin"}})));
    return path("twin/run");
  }

  std::uintmax_t metrics_size(const fs::path& run) const {
    std::error_code missing;  // before the run has begun to write
    const std::uintmax_t size = fs::file_size(run / "metrics.jsonl", missing);
    return missing ? 0 : size;
  }

  // Until the run has written that much, or has ended.
  void wait_for_metrics(Process& process, std::uintmax_t bytes) const {
    while (process.is_running() && metrics_size(path(kRun)) < bytes) {
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  }

  static void expect_killed(Process& process) {
    process.send(SIGKILL);
    const ProcessResult result = process.wait();
    ASSERT_EQ(result.signal, SIGKILL) << "it ended before: " << result.err;
  }

  // Kills `flags` `kills` times -9, each time further on, at a moment that no step begins or ends
  // with; resumes each time and at last to the end; and compares with the twin. The first moment
  // is in the start-up.
  void expect_same_after_kills(const Flags& flags, int kills) const {
    const fs::path twin = run_undisturbed(flags);
    const auto whole = static_cast<double>(metrics_size(twin));
    std::mt19937 random(static_cast<unsigned>(kills));
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    for (int i = 0; i < kills; ++i) {
      const auto process = start(flags);
      if (i == 0) {
        std::this_thread::sleep_for(std::chrono::duration<double>(0.2 * uniform(random)));
      } else {
        // The last quarter is left, so that no run ends before it is killed.
        const double part = 0.75 * (i - 1 + uniform(random)) / (kills - 1);
        wait_for_metrics(*process, static_cast<std::uintmax_t>(part * whole) + 1);
        std::this_thread::sleep_for(std::chrono::duration<double>(0.008 * uniform(random)));
      }
      ASSERT_NO_FATAL_FAILURE(expect_killed(*process)) << "kill " << i;
    }
    expect_success(run(flags));
    expect_same_run(twin, path(kRun));
  }
};

}  // namespace hgnn_moe::e2e
