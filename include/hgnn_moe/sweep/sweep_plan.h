// The rows of a sweep: every run with its settings, its identity and what it will take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/config/train_options.h"
#include "hgnn_moe/sweep/sweep_file.h"
#include "hgnn_moe/train/forecast.h"

namespace hgnn_moe {

struct SweepRow {
  std::string id;  // its folder: option-value_..._seed-S_HASH8
  std::string group;
  std::optional<std::string> name;  // of a point
  std::string hash;                 // of all that its results depend on
  std::int64_t seed = 0;
  Settings settings;                          // what the run is given
  TrainConfig config;                         // resolved, where they fit together
  Json varied = Json::object();               // its values of the plan's varied options
  std::string problem;                        // why it cannot start, sentences; "" where it can
  ExitCode problem_code = ExitCode::usage;    // what a run would end with that had it
  Json unmatched;                             // match_parameters where it has found no size; null
  std::vector<std::string> notes;             // what match_parameters and match_time chose
  std::optional<RunForecast> forecast;        // none where a size is not known
  std::optional<std::size_t> time_reference;  // the row whose training time it gets
};

// A combination that a constraint leaves out.
struct LeftOutCombination {
  std::string group;
  std::optional<std::string> name;  // of a point
  Json settings;                    // what varies of it
  Json config;                      // all of it, resolved
  std::string constraint;
};

struct SweepPlan {
  std::string name;
  std::vector<std::string> varied;  // options that differ between rows, in table order; no seed
  std::vector<SweepRow> rows;
  std::vector<LeftOutCombination> left_out;
  std::int64_t repeated = 0;          // rows that an earlier one makes superfluous
  std::vector<std::string> warnings;  // parts of the file without effect, which may be meant
};

// Rows that a sweep can have, before its constraints: more are more likely a slip than a plan.
inline constexpr std::int64_t kMostRows = 10'000;

// `flags` is the command line: its settings go over every row's. Throws Error(usage) where a flag
// sets what the file varies, there are more than kMostRows, nothing is left to run, a match_time
// has no reference in the sweep, or questions and expected figures are of rows that there are not.
SweepPlan make_sweep_plan(const SweepFile& file, const ParsedConfig& flags, Forecaster& forecaster);

// The row with a training time of its own: `steps` from its settings on, its epochs as many as they
// need. The forecast follows.
void set_steps(SweepRow& row, std::int64_t steps, Forecaster& forecaster);

}  // namespace hgnn_moe
