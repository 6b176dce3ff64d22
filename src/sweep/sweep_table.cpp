#include "hgnn_moe/sweep/sweep_table.h"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "hgnn_moe/base/text.h"

namespace hgnn_moe {

namespace {

using Line = std::array<std::string, 6>;

const Line kHeader = {"run", "parameters", "memory", "steps", "time", "notes"};

// Columns as wide as their longest field, numbers to the right; the last one is as long as it is.
std::string aligned(const std::vector<Line>& lines) {
  std::array<std::size_t, 6> widths{};
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const Line& line : lines) {
    std::string row = fmt::format("{:<{}}", line[0], widths[0]);
    for (std::size_t i = 1; i + 1 < line.size(); ++i) {
      row += fmt::format("  {:>{}}", line[i], widths[i]);
    }
    if (!line.back().empty()) row += "  " + line.back();
    text += row + "\n";
  }
  return text;
}

std::string notes_of(const SweepRecords& records, std::size_t index) {
  const SweepRow& row = records.rows()[index];
  std::vector<std::string> notes;
  const RowOutcome& outcome = records.outcome(index);
  if (!row.problem.empty() && row.problem_code == ExitCode::data) {
    // Said once for all rows that have it.
    notes.push_back(outcome.status == RowStatus::done ? describe(outcome)
                                                      : "data: missing or unreadable");
  } else if (!row.problem.empty()) {
    notes.push_back(outcome.reason + ": " + outcome.message);
  } else if (outcome.status != RowStatus::pending) {
    notes.push_back(describe(outcome));
  }
  if (row.forecast && row.forecast->graph.effect != GraphEffect::active &&
      row.forecast->graph.effect != GraphEffect::none) {
    notes.push_back(
        fmt::format("graph {}: {}", name_of(row.forecast->graph.effect), row.forecast->graph.note));
  }
  notes.insert(notes.end(), row.notes.begin(), row.notes.end());
  if (row.time_reference && !records.has_length(index)) {
    notes.push_back(
        fmt::format("match_time: as long as {}", records.rows()[*row.time_reference].id));
  }
  if (row.name) notes.push_back(*row.name);
  std::string text = join(notes, "; ");
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// A row whose length match_time chooses takes the time of its reference.
std::optional<double> seconds_of(const SweepRecords& records, TimeEstimator& times,
                                 std::size_t row) {
  const auto reference = records.rows()[row].time_reference;
  const std::size_t timed = reference && !records.has_length(row) ? *reference : row;
  return times.seconds(records.rows()[timed]);
}

Line line_of(const SweepRecords& records, std::size_t index, const TimeEstimator& times,
             const std::optional<double>& seconds) {
  const SweepRow& row = records.rows()[index];
  Line line = {row.id, "?", "?", "?", "?", notes_of(records, index)};
  if (row.forecast) {
    line[1] = fmt::format("{}", row.forecast->parameters.total());
    line[2] = format_bytes(static_cast<std::uint64_t>(row.forecast->memory.total));
    if (row.forecast->length && records.has_length(index)) {
      line[3] = fmt::format("{}", row.forecast->length->steps);
    }
  }
  if (seconds) line[4] = times.text_of(*seconds);
  return line;
}

std::string left_out_text(const SweepPlan& plan) {
  if (plan.left_out.empty()) return "";
  std::string text = fmt::format("\nleft out by constraints: {}\n", plan.left_out.size());
  for (const LeftOutCombination& combination : plan.left_out) {
    text += fmt::format("  {}: {}\n", json_text(combination.settings), combination.constraint);
  }
  return text;
}

}  // namespace

std::string plan_table(const SweepRecords& records, TimeEstimator& times, std::int64_t jobs) {
  std::vector<Line> lines = {kHeader};
  double total_seconds = 0.0;
  std::size_t to_run = 0, unknown = 0;
  for (std::size_t row = 0; row < records.rows().size(); ++row) {
    const bool has_problem = !records.rows()[row].problem.empty();
    const auto seconds = has_problem ? std::nullopt : seconds_of(records, times, row);
    lines.push_back(line_of(records, row, times, seconds));
    const RowStatus status = records.outcome(row).status;
    if (status == RowStatus::done || status == RowStatus::failed) continue;
    ++to_run;
    total_seconds += seconds.value_or(0.0);
    if (!seconds) ++unknown;
  }
  std::string text = aligned(lines) + left_out_text(records.plan());
  if (records.plan().repeated > 0) {
    text += fmt::format("\nequal to an earlier run, which stands for both: {}\n",
                        records.plan().repeated);
  }
  text += fmt::format("\n{} runs: {} to run, {} done, {} failed; {} of training", lines.size() - 1,
                      to_run, records.count(RowStatus::done), records.count(RowStatus::failed),
                      times.text_of(total_seconds));
  if (jobs > 1) text += fmt::format(", shared by {} side by side", jobs);
  if (unknown > 0) text += fmt::format(", without the {} whose time is not known", unknown);
  return text + "\n" + times.source() + "\n";
}

std::string table_of_failures(const SweepRecords& records) {
  std::string text;
  std::map<std::string, std::string> said;  // the first row of each message
  for (std::size_t row = 0; row < records.rows().size(); ++row) {
    const RowOutcome& outcome = records.outcome(row);
    if (outcome.status == RowStatus::done) continue;
    const std::string& id = records.rows()[row].id;
    const auto [first, is_first] = said.emplace(describe(outcome), id);
    const bool is_short = outcome.message.empty();
    text += is_first || is_short ? fmt::format("\n  {}  {}", id, first->first)
                                 : fmt::format("\n  {}  {}: {}: as {}", id, name_of(outcome.status),
                                               outcome.reason, first->second);
  }
  return text;
}

}  // namespace hgnn_moe
