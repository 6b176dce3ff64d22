// How far training is: a bar that redraws itself on a terminal, a plain line now and then
// elsewhere.
#pragma once

#include <cstdint>
#include <limits>
#include <ostream>

namespace hgnn_moe {

enum class ProgressStyle { bar, lines, silent };

// For standard error: silent where asked, a bar on a terminal, else lines.
ProgressStyle choose_progress_style(bool quiet);

// Columns of the terminal on standard error; 80 where it does not say.
int terminal_columns();

struct ProgressOptions {
  ProgressStyle style = ProgressStyle::lines;
  std::int64_t first_step = 0;  // finished before this process began
  std::int64_t total_steps = 1;
  std::int64_t epochs = 1;
  double line_interval = 10;     // seconds between two plain lines
  int columns = 80;              // width of the bar's line
  const char* items = "tokens";  // what speed counts
};

struct ProgressUpdate {
  std::int64_t step = 0;   // finished updates
  std::int64_t epoch = 1;  // the current one, from 1
  double loss = std::numeric_limits<double>::quiet_NaN();
  double items_per_second = 0;
  double seconds = 0;  // since this process began to train
};

// Output goes to `out`, which for users is std::cerr.
class Progress {
 public:
  Progress(const ProgressOptions& options, std::ostream& out) : options_(options), out_(out) {}

  // Shows an update where one is due; the last step's always.
  void update(const ProgressUpdate& update);

  // Takes the bar off the line it is on. Call it before anything else writes to the terminal.
  void clear();

 private:
  bool is_due(const ProgressUpdate& update) const;

  ProgressOptions options_;
  std::ostream& out_;
  double last_shown_ = -std::numeric_limits<double>::infinity();  // seconds
  bool bar_on_line_ = false;
};

}  // namespace hgnn_moe
