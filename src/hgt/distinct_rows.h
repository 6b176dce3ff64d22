// How many rows differ.
#pragma once

#include <cstdint>
#include <vector>

namespace hgnn_moe::hgt {

// Rows of a matrix of float32 in C order.
struct RowSet {
  const float* values = nullptr;
  std::int64_t width = 0;
  const std::vector<std::int64_t>& rows;

  const float* row(std::int64_t number) const { return values + number * width; }
};

// Counting rows once that are equal as numbers.
std::int64_t count_distinct(const RowSet& set);

// Counting rows once that are at most `radius` from one that was counted, in the order given.
// `keys` are columns in which rows differ much, at least one: rows that are near are near in each,
// so only those of neighbouring slots of the first key have to be compared.
std::int64_t count_apart(const RowSet& set, double radius, const std::vector<std::int64_t>& keys);

}  // namespace hgnn_moe::hgt
