// Makes the runs of a comparison, each in a child process, one after the other.
#pragma once

#include <string>
#include <vector>

#include <spdlog/logger.h>

#include "hgnn_moe/base/child_outcome.h"
#include "hgnn_moe/base/json.h"
#include "hgnn_moe/hgt/comparison_plan.h"
#include "hgnn_moe/train/stop_signal.h"

namespace hgnn_moe::hgt {

enum class RunState { absent, unfinished, done };

const char* name_of(RunState state);

// What is in the run's folder.
RunState state_of(const ComparedRun& run);

// What a run is made of beside its options, by content.
struct RunInput {
  std::string graph_hash;
  std::string features_hash;  // of given features as its nodes have them, else ""
};

// "hidden_dim: 16 there, 32 now", for each option that decides what a run comes to or how long it
// takes, and for graph and features; empty where the folder holds no run.
std::vector<std::string> differences_to(const ComparedRun& run, const RunInput& input);

struct RunResult {
  ChildOutcome outcome;
  Json summary;  // run_summary.json, null of a run that is not done
};

class ComparisonRunner {
 public:
  // With `overwrite` runs that are there are made anew, else those that are done are kept and the
  // others resumed.
  ComparisonRunner(const std::vector<ComparedRun>& runs, bool overwrite, spdlog::logger& log)
      : runs_(runs), overwrite_(overwrite), log_(log) {}

  // True at the end of the last run; false where `stop` received a signal, which was passed on to
  // the run in progress and its checkpoint waited for. Throws Error(disk) after a run that could
  // not write: the others would fail alike.
  bool run(const StopSignal& stop);

  // Of the runs that came to an end, in their order.
  const std::vector<RunResult>& results() const { return results_; }

 private:
  RunResult make(const ComparedRun& run, const StopSignal& stop) const;

  const std::vector<ComparedRun>& runs_;
  bool overwrite_;
  spdlog::logger& log_;
  std::vector<RunResult> results_;
};

}  // namespace hgnn_moe::hgt
