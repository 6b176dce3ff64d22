// Rows that cannot train for want of data.
#pragma once

#include <string>
#include <vector>

#include "hgnn_moe/sweep/sweep_plan.h"

namespace hgnn_moe {

struct MissingData {
  std::vector<std::string> sentences;  // one each reason, with the number of rows that have it
  bool of_all = false;       // no row has its data, but for those whose options do not fit together
  bool hides_sizes = false;  // and the sizes of some are not known without: vocab_size is not given
};

MissingData missing_data(const SweepPlan& plan, const std::string& sweep_file);

}  // namespace hgnn_moe
