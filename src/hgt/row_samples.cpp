#include "row_samples.h"

#include <algorithm>
#include <utility>

#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::hgt {

std::vector<std::int64_t> sample_of(const std::vector<std::int64_t>& rows, std::int64_t limit,
                                    std::int64_t seed, SampleUse use) {
  if (static_cast<std::int64_t>(rows.size()) <= limit) return rows;
  const std::uint64_t key =
      philox_stream_key(static_cast<std::uint64_t>(seed), RandomPurpose::node_subset,
                        static_cast<std::uint64_t>(use));
  // Those with the smallest numbers, so that a row's fate does not hang on what comes before it.
  std::vector<std::pair<std::uint64_t, std::int64_t>> drawn;
  for (const std::int64_t row : rows) {
    const PhiloxBlock block = philox(
        key, {{static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(row >> 32), 0, 0}});
    drawn.emplace_back(static_cast<std::uint64_t>(block.v[1]) << 32 | block.v[0], row);
  }
  std::nth_element(drawn.begin(), drawn.begin() + limit, drawn.end());
  drawn.resize(static_cast<std::size_t>(limit));
  std::vector<std::int64_t> sample;
  for (const auto& [number, row] : drawn) sample.push_back(row);
  std::sort(sample.begin(), sample.end());
  return sample;
}

}  // namespace hgnn_moe::hgt
