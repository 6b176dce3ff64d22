// Runs the rows of a sweep in child processes, side by side.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "hgnn_moe/base/child_process.h"
#include "hgnn_moe/sweep/sweep_records.h"
#include "hgnn_moe/train/stop_signal.h"

namespace hgnn_moe {

// What each of the runs side by side may use.
struct MachineShare {
  std::int64_t jobs = 1;
  std::int64_t cores = 1;  // of the machine
  int gpus = 0;            // that runs can use

  // Threads of a run that names none; 0, all, where it is alone.
  std::int64_t threads() const;
};

MachineShare machine_share(std::int64_t jobs);

// --threads for a run whose options leave them open, where runs share the machine; else nothing.
std::vector<std::string> threads_flag(const MachineShare& share, const SweepRow& row);

class SweepRunner {
 public:
  SweepRunner(SweepRecords& records, Forecaster& forecaster, const MachineShare& share,
              spdlog::logger& log);

  // Runs every row that is neither done nor failed. True where it came to the end; false where
  // `stop` received a signal, which is passed on to the runs and their checkpoints waited for.
  // Throws Error(disk) where the sweep cannot write, or a run could not: no other is started then,
  // and those that run are waited for.
  bool run(const StopSignal& stop);

 private:
  enum class Stage { calibration, training };

  struct Job {
    std::size_t row = 0;
    Stage stage = Stage::training;
    ChildProcess child;
    std::size_t output_begin = 0;   // where this child's words begin in output.log
    std::int64_t memory_kills = 0;  // when it started
  };

  void start_rows();
  bool reap();
  [[noreturn]] void fail_for_want_of_disk() const;
  bool is_running(std::size_t row) const;
  bool waits_for_reference(std::size_t row);
  bool is_locked(std::size_t row);
  void start(std::size_t slot, std::size_t row);
  std::vector<std::string> placement(std::size_t slot, const SweepRow& row) const;
  void finish(const Job& job, const ChildEnd& end);
  void finish_calibration(std::size_t row);
  void end_row(std::size_t row, RowOutcome outcome);

  SweepRecords& records_;
  Forecaster& forecaster_;
  MachineShare share_;
  spdlog::logger& log_;
  std::vector<bool> waiting_;  // rows that are still to be run
  std::vector<std::optional<Job>> slots_;
  // Since when the folder of a row has been found locked.
  std::vector<std::optional<std::chrono::steady_clock::time_point>> locked_since_;
  std::optional<std::size_t> row_without_disk_;  // one whose run could not write its files
  std::size_t finished_ = 0;                     // rows that need no run, or no more
};

}  // namespace hgnn_moe
