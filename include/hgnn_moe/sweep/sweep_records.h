// What a sweep's folder says of its rows: sweep.json, sweep.csv and a row.json in each run's folder
// (docs/sweeps.md). All are written atomically, so a sweep that is killed goes on from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/sweep/row_outcome.h"
#include "hgnn_moe/sweep/sweep_file.h"
#include "hgnn_moe/sweep/sweep_plan.h"

namespace hgnn_moe {

// The length that match_time chose for a row.
struct TimeMatch {
  std::int64_t steps = 0;
  std::string note;
};

class SweepRecords {
 public:
  // Of the sweep in `folder`, which need not be there yet. Rows whose hash is that of a folder get
  // its name, whatever is varied by now, and what its row.json says; a row that was running when
  // its sweep was killed is pending again, and one with a problem has failed. Throws Error(data)
  // where a file is damaged or finished rows cannot be found again for want of their data,
  // Error(usage) where the folder is another sweep's.
  SweepRecords(std::filesystem::path folder, const SweepFile& file, SweepPlan plan,
               Forecaster& forecaster);

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path run_folder(std::size_t row) const { return folder_ / rows()[row].id; }
  const SweepPlan& plan() const { return plan_; }
  const std::vector<SweepRow>& rows() const { return plan_.rows; }
  const RowOutcome& outcome(std::size_t row) const { return outcomes_[row]; }
  bool has_length(std::size_t row) const;  // false while match_time has not chosen it

  // Keep what is said in memory and on disk. Throw Error(disk).
  void set_outcome(std::size_t row, RowOutcome outcome);
  void set_time_match(std::size_t row, const TimeMatch& match, Forecaster& forecaster);

  // Makes failed rows pending, but those that cannot start; write_all() keeps it.
  void retry_failed();

  // sweep.json and sweep.csv, and row.json of all rows that are pending.
  void write_all() const;

  std::size_t count(RowStatus status) const;
  Json to_json() const;

 private:
  void keep_old_table(const std::string& sweep_file) const;
  void adopt_folders();
  void read_row(std::size_t row, Forecaster& forecaster);
  void write_row(std::size_t row) const;
  void write_tables() const;
  Json row_json(std::size_t row) const;

  std::filesystem::path folder_;
  Json head_;  // what sweep.json says of the sweep itself
  SweepPlan plan_;
  std::vector<RowOutcome> outcomes_;
  std::vector<std::optional<TimeMatch>> time_matches_;
};

}  // namespace hgnn_moe
