// The bodies of the CUDA kernels, run on the CPU by host_launch.h: indices, tails, offsets and the
// order of phases, where no GPU is. Threads go up in one run and down in the other: a difference
// means that a phase reads what another thread of it writes.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "plain_reference.h"
#include "src/ops/cuda/host_launch.h"
#include "src/ops/cuda/tiles.h"

namespace hgnn_moe::ops::cuda {

using hgnn_moe::testing::Values;

inline constexpr double kSentinel = 77.0;

template <typename Scalar>
inline constexpr double kEpsilon = sizeof(Scalar) == 8   ? 2.3e-16
                                   : sizeof(Scalar) == 4 ? 1.2e-7
                                                         : 0.0079;

// Elements between sentinels, at an address that is a multiple of 16 bytes or, `shifted`, of the
// element size alone.
template <typename Scalar>
class Buffer {
 public:
  Buffer(std::size_t count, bool shifted) : count_(count), memory_(count + 2 * kGuard + 1) {
    for (Scalar& s : memory_) assign(s, static_cast<ComputeOf<Scalar>>(kSentinel));
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data() + kGuard);
    first_ = kGuard - address % 16 / sizeof(Scalar) + (shifted ? 1 : 0);
  }
  Buffer(const Values& values, bool shifted) : Buffer(values.size(), shifted) {
    for (std::size_t i = 0; i < count_; ++i) {
      assign(data()[i], static_cast<ComputeOf<Scalar>>(values[i]));
    }
  }

  Scalar* data() { return memory_.data() + first_; }
  Values values() {
    Values out(count_);
    for (std::size_t i = 0; i < count_; ++i) out[i] = value(data()[i]);
    return out;
  }
  bool is_intact() {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      const bool inside = i >= first_ && i < first_ + count_;
      if (!inside && value(memory_[i]) != kSentinel) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t kGuard = 16;
  std::size_t count_, first_;
  std::vector<Scalar> memory_;
};

// Within rounding of sums of `terms` terms of size 1.
template <typename Scalar>
void expect_close(const Values& actual, const Values& expected, double terms, const char* what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  double magnitude = 1.0;
  for (const double v : expected) magnitude = std::max(magnitude, std::abs(v));
  const double tolerance = 4 * terms * kEpsilon<Scalar> * magnitude;
  std::size_t worst = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (!(std::abs(actual[i] - expected[i]) <= std::abs(actual[worst] - expected[worst])))
      worst = i;
  }
  if (actual.empty()) return;
  EXPECT_LE(std::abs(actual[worst] - expected[worst]), tolerance)
      << what << " [" << worst << "]: " << actual[worst] << " instead of " << expected[worst];
}

struct Sizes {
  std::int64_t tokens, experts, dim;
};

// Every number of experts that a tile serves exactly and its neighbours, tails of every pack.
inline const std::vector<Sizes> kSizes{
    {0, 4, 8},    {1, 1, 1},   {3, 1, 64}, {5, 2, 7},   {7, 3, 3},    {13, 4, 384},
    {2, 5, 1000}, {3, 6, 64},  {3, 7, 24}, {5, 8, 384}, {2, 9, 7},    {2, 16, 384},
    {3, 17, 64},  {2, 32, 64}, {2, 33, 8}, {1, 64, 64}, {70001, 2, 3}};

// `out` of one run with threads going up, which a second one, going down, must repeat to the bit.
template <typename Body, typename Scalar>
void run_both_orders(typename Body::Arguments arguments, std::int64_t tokens, std::int64_t chunk,
                     int threads, const std::vector<std::pair<void*, std::size_t>>& outputs) {
  launch_on_host<Body>(arguments, tokens, chunk, threads, ThreadOrder::ascending);
  std::vector<std::vector<char>> first;
  for (const auto& [data, bytes] : outputs) {
    const char* begin = static_cast<const char*>(data);
    first.emplace_back(begin, begin + bytes);
  }
  launch_on_host<Body>(arguments, tokens, chunk, threads, ThreadOrder::descending);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (first[i].empty()) continue;
    EXPECT_EQ(std::memcmp(outputs[i].first, first[i].data(), first[i].size()), 0)
        << "output " << i << " depends on the order of threads";
  }
}

template <typename Scalar>
class CudaBodies : public ::testing::Test {
 protected:
  static double once(double terms) { return sizeof(Scalar) == 2 ? 1 : terms; }
};

using Types = ::testing::Types<double, float, Bf16>;

}  // namespace hgnn_moe::ops::cuda
