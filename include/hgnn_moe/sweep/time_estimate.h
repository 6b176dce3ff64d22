// How long runs will take: the FLOPs they need at a rate that was seen or measured.
#pragma once

#include <cstdint>
#include <functional>
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

  // A duration as exact as the rates: with one digit, "~20 min", where they are measured now.
  std::string text_of(double seconds) const;

 private:
  std::optional<double> rate(const TrainConfig& config);

  std::optional<double> seen_;
  std::int64_t share_;
  std::map<std::int64_t, std::optional<double>> measured_;  // by width
};

// FLOPs a second of a product of `width` x 4 `width` with a batch's rows, on the device and threads
// of the configuration: the best of several samples, `seconds` together, because other work on the
// machine only makes them slower. Throws Error(usage) where the device is not here.
double measured_product_rate(const TrainConfig& config, double seconds);

// Repetitions a second of what takes `seconds_of_one()`, in the fastest of several samples that
// take `seconds` together.
double best_rate(const std::function<double()>& seconds_of_one, double seconds);

// With one digit and its largest unit: "~4 s", "~20 min", "~3 h", "~2 d"; "below 1 s".
std::string rough_duration(double seconds);

}  // namespace hgnn_moe
