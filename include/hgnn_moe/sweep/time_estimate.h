// How long runs will take: the FLOPs they need at a rate that was seen or measured.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/sweep/sweep_plan.h"

namespace hgnn_moe {

class TimeEstimator {
 public:
  // `seen_rates` are needed_flops_per_s of finished rows. Rows that are run side by side on a
  // `share` of the cores measure with that many threads; 0 is all.
  TimeEstimator(std::vector<double> seen_rates, std::int64_t share);

  // Seconds of training; none where the row's length or its device is not known.
  std::optional<double> seconds(const SweepRow& row);

  // Where the rates come from, for people.
  std::string source() const;

 private:
  std::optional<double> rate(const TrainConfig& config);

  std::optional<double> seen_;
  std::int64_t share_;
  std::map<std::int64_t, std::optional<double>> measured_;  // by width
};

// FLOPs a second of a product of `width` x 4 `width` with a batch's rows in `seconds` of trying, on
// the device and threads of the configuration. Throws Error(usage) where the device is not here.
double measured_product_rate(const TrainConfig& config, double seconds);

}  // namespace hgnn_moe
