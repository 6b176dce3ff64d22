#include "hgnn_moe/train/buckets.h"

#include <algorithm>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

// Of a full batch, in sixteenths. The lines of WikiText-2 fill 72 % of 32 x 128, give or take 5 %.
constexpr std::int64_t kSixteenths[] = {4, 8, 10, 11, 12, 13, 14, 16};
static_assert(std::size(kSixteenths) <= kMostBuckets);

// Matrix products are fastest where rows fill whole tiles; small batches have none to fill.
std::int64_t tile_of(std::int64_t full) { return std::clamp<std::int64_t>(full / 16, 1, 64); }

}  // namespace

BatchLimits limits_of(const data::SampleSet& set, std::int64_t samples) {
  std::int64_t longest = 1;
  for (std::int64_t i = 0; i < set.size(); ++i) longest = std::max(longest, set.length(i));
  return {samples, longest};
}

std::int64_t round_up(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

std::vector<std::int64_t> padded_lengths(std::vector<std::int64_t> lengths, std::int64_t padding,
                                         std::int64_t max_length) {
  for (std::int64_t& length : lengths) {
    const std::int64_t added = std::clamp<std::int64_t>(max_length - length, 0, padding);
    length += added;
    padding -= added;
  }
  return lengths;
}

std::vector<std::int64_t> make_buckets(const BatchLimits& limits) {
  HGNN_MOE_ASSERT(limits.samples > 0 && limits.length > 0, "batches of {} x {}", limits.samples,
                  limits.length);
  const std::int64_t full = limits.samples * limits.length;
  std::vector<std::int64_t> buckets;
  for (const std::int64_t sixteenths : kSixteenths) {
    const std::int64_t tokens = std::min(full, round_up(full * sixteenths / 16, tile_of(full)));
    if (tokens > (buckets.empty() ? 0 : buckets.back())) buckets.push_back(tokens);
  }
  return buckets;
}

std::size_t bucket_of(const std::vector<std::int64_t>& buckets, std::int64_t tokens) {
  const auto found = std::lower_bound(buckets.begin(), buckets.end(), tokens);
  HGNN_MOE_ASSERT(found != buckets.end(), "{} tokens in a batch of at most {}", tokens,
                  buckets.empty() ? 0 : buckets.back());
  return static_cast<std::size_t>(found - buckets.begin());
}

}  // namespace hgnn_moe
