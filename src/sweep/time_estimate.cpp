#include "hgnn_moe/sweep/time_estimate.h"

#include <algorithm>
#include <chrono>

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/train/device.h"

namespace hgnn_moe {

namespace {

constexpr double kMeasuredSeconds = 0.2;
// What training reaches of the rate of products alone: the rest of a step is bound by memory.
constexpr double kShareOfProducts = 0.6;
constexpr std::int64_t kRows = 1024;
// Wider products are no faster, and their matrices grow with the square of it.
constexpr std::int64_t kLargestWidth = 2048;

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

TimeEstimator::TimeEstimator(std::vector<double> seen_rates, std::int64_t share)
    : seen_(median(std::move(seen_rates))), share_(share) {}

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
             : "times are FLOPs at 0.6 of the rate that a matrix product of that width, of 2048 at "
               "most, has just reached: no row is done yet";
}

double measured_product_rate(const TrainConfig& config, double seconds) {
  using Clock = std::chrono::steady_clock;
  configure_machine(config);
  const c10::Device device = choose_device(config.device).device;
  const at::Tensor a = at::ones({kRows, config.embed_dim}, device);
  const at::Tensor b = at::ones({config.embed_dim, 4 * config.embed_dim}, device);
  at::Tensor product = at::mm(a, b);  // the first one also sets up threads and workspaces
  wait_for(device);
  const auto begin = Clock::now();
  double passed = 0.0;
  std::int64_t products = 0;
  while (passed < seconds) {
    at::mm_out(product, a, b);
    wait_for(device);
    ++products;
    passed = std::chrono::duration<double>(Clock::now() - begin).count();
  }
  const auto width = static_cast<double>(config.embed_dim);
  return static_cast<double>(products) * 2.0 * kRows * width * 4.0 * width / passed;
}

}  // namespace hgnn_moe
