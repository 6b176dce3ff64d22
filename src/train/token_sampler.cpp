#include "hgnn_moe/train/token_sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"

namespace hgnn_moe {
namespace {

void check_finite(const std::vector<float>& logits) {
  HGNN_MOE_ASSERT(!logits.empty(), "no logits");
  float largest = -std::numeric_limits<float>::infinity();
  for (std::size_t id = 0; id < logits.size(); ++id) {
    if (std::isnan(logits[id])) {
      fail(ExitCode::diverged, "the logit of token {} is NaN: sample from an earlier checkpoint",
           id);
    }
    largest = std::max(largest, logits[id]);
  }
  if (!std::isfinite(largest)) {
    fail(ExitCode::diverged, "the largest logit is {}: sample from an earlier checkpoint", largest);
  }
}

// Uniform in [0, 1): the 53 bits of a double from one Philox block of the position's own stream.
double uniform(std::uint64_t seed, std::int64_t position) {
  const std::uint64_t key =
      philox_stream_key(seed, RandomPurpose::sampling, static_cast<std::uint64_t>(position));
  const PhiloxBlock block = philox(key, PhiloxBlock{{0, 0, 0, 0}});
  const std::uint64_t bits = static_cast<std::uint64_t>(block.v[1]) << 32 | block.v[0];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace

std::int64_t sample_token(const std::vector<float>& logits, std::int64_t position,
                          const SamplerOptions& options) {
  check_finite(logits);
  const auto likelier = [&](std::int64_t a, std::int64_t b) {
    const float logit_a = logits[static_cast<std::size_t>(a)];
    const float logit_b = logits[static_cast<std::size_t>(b)];
    return logit_a != logit_b ? logit_a > logit_b : a < b;
  };
  std::vector<std::int64_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), std::int64_t{0});
  if (options.temperature == 0) {
    return *std::min_element(ids.begin(), ids.end(), likelier);
  }

  const std::size_t candidates =
      options.top_k == 0 ? ids.size()
                         : std::min(ids.size(), static_cast<std::size_t>(options.top_k));
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(candidates), ids.end(),
                    likelier);
  ids.resize(candidates);

  // Relative to the likeliest, so that no exponential overflows. A running sum in one fixed order.
  const double largest = logits[static_cast<std::size_t>(ids.front())];
  std::vector<double> cumulative;
  double total = 0;
  for (const std::int64_t id : ids) {
    total += std::exp((logits[static_cast<std::size_t>(id)] - largest) / options.temperature);
    cumulative.push_back(total);
  }
  const double target = uniform(options.seed, position) * total;
  // The first sum above the target: an id with no probability leaves the sum as it was, so it is
  // never the first. The target rounds to at most the total, hence the last likely id as a bound.
  const auto chosen = std::upper_bound(cumulative.begin(), cumulative.end(), target);
  const auto last = std::lower_bound(cumulative.begin(), cumulative.end(), total);
  return ids[static_cast<std::size_t>(std::min(chosen, last) - cumulative.begin())];
}

}  // namespace hgnn_moe
