// Comparisons made of numbers.
#pragma once

#include <string>
#include <vector>

#include "hgnn_moe/hgt/comparison.h"

namespace hgnn_moe::hgt {

// A done run of each seed from 1 on, with these MRRs, seconds and bytes.
inline void add_runs(std::vector<ComparedResult>& results, const std::string& variant,
                     const std::vector<double>& mrr, const std::vector<double>& seconds,
                     const std::vector<double>& bytes) {
  for (std::size_t i = 0; i < mrr.size(); ++i) {
    ComparedResult result{variant, static_cast<std::int64_t>(i) + 1, "", "", "good", {}};
    result.figures = {{"mrr", mrr[i]}, {"seconds", seconds[i]}, {"peak_memory_bytes", bytes[i]}};
    results.push_back(result);
  }
}

inline std::vector<double> steady(double value) { return {value, 1.01 * value, 0.99 * value}; }

}  // namespace hgnn_moe::hgt
