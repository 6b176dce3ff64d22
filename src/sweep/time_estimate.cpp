#include "hgnn_moe/sweep/time_estimate.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "median.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/train/device.h"

namespace hgnn_moe {

namespace {

constexpr double kMeasuredSeconds = 0.2;
constexpr double kSamples = 8;
// What training reaches of the rate of products alone: the rest of a step is bound by memory.
constexpr double kShareOfProducts = 0.6;
constexpr std::int64_t kRows = 1024;
// Wider products are no faster, and their matrices grow with the square of it.
constexpr std::int64_t kLargestWidth = 2048;

}  // namespace

TimeEstimator::TimeEstimator(std::vector<double> seen_rates, std::int64_t share) : share_(share) {
  if (!seen_rates.empty()) seen_ = median(std::move(seen_rates));
}

std::optional<double> TimeEstimator::seconds(const SweepRow& row) {
  if (!row.forecast || !row.forecast->length) return std::nullopt;
  const std::optional<double> flops_per_s = rate(row.config);
  if (!flops_per_s) return std::nullopt;
  return row.forecast->length->flops / *flops_per_s;
}

std::optional<double> TimeEstimator::rate(const TrainConfig& config) {
  if (seen_) return seen_;
  const std::int64_t width = std::min(config.embed_dim, kLargestWidth);
  const auto found = measured_.find(width);
  if (found != measured_.end()) return found->second;
  TrainConfig shared = config;
  shared.embed_dim = width;
  if (shared.threads == 0) shared.threads = share_;
  std::optional<double>& rate = measured_[width];
  try {
    rate = kShareOfProducts * measured_product_rate(shared, kMeasuredSeconds);
  } catch (const Error&) {
    // The device is not here: the run would say so.
  } catch (const c10::Error&) {
    // It has no room for the matrices: then there is no time to tell.
  }
  return rate;
}

std::string TimeEstimator::source() const {
  return seen_
             ? "times are FLOPs at the median rate of the rows that are done"
             : "times are estimates: FLOPs at 0.6 of the rate that a matrix product of that width, "
               "of 2048 at most, has reached just now, with what the machine had free; no row is "
               "done yet, and where other work comes or goes they can be wrong tenfold";
}

std::string TimeEstimator::text_of(double seconds) const {
  return seen_ ? format_duration(seconds) : rough_duration(seconds);
}

std::string rough_duration(double seconds) {
  struct Unit {
    const char* name;
    double seconds;
  };
  if (!std::isfinite(seconds)) return "?";
  constexpr std::array<Unit, 4> units = {Unit{"d", 86400.0}, Unit{"h", 3600.0}, Unit{"min", 60.0},
                                         Unit{"s", 1.0}};
  for (const Unit& unit : units) {
    const double number = seconds / unit.seconds;
    if (number < 1.0) continue;
    const double digit = std::pow(10.0, std::floor(std::log10(number)));
    return fmt::format("~{:.0f} {}", std::round(number / digit) * digit, unit.name);
  }
  return "below 1 s";
}

double best_rate(const std::function<double()>& seconds_of_one, double seconds) {
  double best = 0.0;
  for (double passed = 0.0; passed < seconds;) {
    double sample = 0.0;
    std::int64_t repetitions = 0;
    while (sample < seconds / kSamples) {
      sample += seconds_of_one();
      ++repetitions;
    }
    passed += sample;
    best = std::max(best, static_cast<double>(repetitions) / sample);
  }
  return best;
}

double measured_product_rate(const TrainConfig& config, double seconds) {
  using Clock = std::chrono::steady_clock;
  configure_machine(config);
  const c10::Device device = choose_device(config.device).device;
  const at::Tensor a = at::ones({kRows, config.embed_dim}, device);
  const at::Tensor b = at::ones({config.embed_dim, 4 * config.embed_dim}, device);
  at::Tensor product = at::mm(a, b);  // the first one also sets up threads and workspaces
  wait_for(device);
  const auto seconds_of_one = [&] {
    const auto begin = Clock::now();
    at::mm_out(product, a, b);
    wait_for(device);
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  const auto width = static_cast<double>(config.embed_dim);
  return best_rate(seconds_of_one, seconds) * 2.0 * kRows * width * 4.0 * width;
}

}  // namespace hgnn_moe
