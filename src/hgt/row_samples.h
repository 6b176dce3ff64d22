// Samples of rows that depend on the seed and the rows alone.
#pragma once

#include <cstdint>
#include <vector>

namespace hgnn_moe::hgt {

// What a sample is for: samples of different purposes are independent.
enum class SampleUse : std::uint32_t { uniformity = 1, drawing = 2 };

// `limit` of `rows`, all of them where there are no more; ascending.
std::vector<std::int64_t> sample_of(const std::vector<std::int64_t>& rows, std::int64_t limit,
                                    std::int64_t seed, SampleUse use);

}  // namespace hgnn_moe::hgt
