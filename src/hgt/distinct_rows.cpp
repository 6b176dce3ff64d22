#include "distinct_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

namespace hgnn_moe::hgt {
namespace {

constexpr std::size_t kKeys = 3;

// A row that was counted, with its values in the key columns beside each other: most comparisons
// end there.
struct Counted {
  std::array<float, kKeys> keys;
  std::int64_t row;
};

bool is_within(const float* a, const float* b, std::int64_t width, double square_radius) {
  constexpr std::int64_t kStep = 16;
  double sum = 0.0;
  for (std::int64_t f = 0; f < width;) {
    for (const std::int64_t end = std::min(f + kStep, width); f < end; ++f) {
      const double difference = static_cast<double>(a[f]) - static_cast<double>(b[f]);
      sum += difference * difference;
    }
    if (sum > square_radius) return false;
  }
  return true;
}

class ApartCounter {
 public:
  ApartCounter(const RowSet& set, double radius, const std::vector<std::int64_t>& keys)
      : set_(set), radius_(radius) {
    for (std::size_t k = 0; k < kKeys; ++k) columns_[k] = keys[std::min(k, keys.size() - 1)];
  }

  void add(std::int64_t row) {
    Counted counted{{}, row};
    for (std::size_t k = 0; k < kKeys; ++k) counted.keys[k] = set_.row(row)[columns_[k]];
    const double slot = std::floor(static_cast<double>(counted.keys[0]) / radius_);
    for (const double near : {slot - 1.0, slot, slot + 1.0}) {
      const auto found = slots_.find(near);
      if (found != slots_.end() && has_neighbour(found->second, counted)) return;
    }
    slots_[slot].push_back(counted);
    ++count_;
  }

  std::int64_t count() const { return count_; }

 private:
  bool has_neighbour(const std::vector<Counted>& slot, const Counted& counted) const {
    return std::any_of(slot.begin(), slot.end(), [&](const Counted& other) {
      for (std::size_t k = 0; k < kKeys; ++k) {
        const double difference =
            static_cast<double>(other.keys[k]) - static_cast<double>(counted.keys[k]);
        if (std::abs(difference) > radius_) return false;
      }
      return is_within(set_.row(other.row), set_.row(counted.row), set_.width, radius_ * radius_);
    });
  }

  const RowSet& set_;
  double radius_;
  std::array<std::int64_t, kKeys> columns_{};
  std::unordered_map<double, std::vector<Counted>> slots_;  // whole numbers, of any size
  std::int64_t count_ = 0;
};

}  // namespace

std::int64_t count_distinct(const RowSet& set) {
  const auto compare = [&](std::int64_t a, std::int64_t b) {
    return std::lexicographical_compare(set.row(a), set.row(a) + set.width, set.row(b),
                                        set.row(b) + set.width);
  };
  std::vector<std::int64_t> sorted = set.rows;
  std::sort(sorted.begin(), sorted.end(), compare);
  std::int64_t count = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    count += i == 0 || compare(sorted[i - 1], sorted[i]);
  }
  return count;
}

std::int64_t count_apart(const RowSet& set, double radius, const std::vector<std::int64_t>& keys) {
  // Rows of zeros alone.
  if (radius <= 0.0) return count_distinct(set);
  ApartCounter counter(set, radius, keys);
  for (const std::int64_t row : set.rows) counter.add(row);
  return counter.count();
}

}  // namespace hgnn_moe::hgt
