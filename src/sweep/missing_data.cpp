#include "missing_data.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace hgnn_moe {

MissingData missing_data(const SweepPlan& plan, const std::string& sweep_file) {
  MissingData missing;
  std::vector<std::pair<std::string, std::size_t>> reasons;  // with their numbers of rows
  std::size_t with_data = 0;
  for (const SweepRow& row : plan.rows) {
    if (row.problem.empty()) ++with_data;
    if (row.problem.empty() || row.problem_code != ExitCode::data) continue;
    const auto is_it = [&](const auto& reason) { return reason.first == row.problem; };
    auto found = std::find_if(reasons.begin(), reasons.end(), is_it);
    if (found == reasons.end()) found = reasons.insert(reasons.end(), {row.problem, 0});
    ++found->second;
    if (!row.forecast) missing.hides_sizes = true;
  }
  for (const auto& [problem, count] : reasons) {
    missing.sentences.push_back(fmt::format("{}: {} of {} rows cannot train: {}", sweep_file, count,
                                            plan.rows.size(), problem));
  }
  missing.of_all = with_data == 0 && !reasons.empty();
  return missing;
}

}  // namespace hgnn_moe
