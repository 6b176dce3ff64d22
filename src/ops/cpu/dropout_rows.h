// Rows whose elements are dropped by counter.
#pragma once

#include "expert_block_kernel.h"
#include "lanes.h"
#include "philox.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

// Vector number i of a group, zero where its words are below the threshold.
inline Floats zero_below(const Words* words, int i, std::uint32_t threshold, Floats v) {
  return words[i] >= threshold ? v : Floats{};
}
inline Doubles zero_below(const Words* words, int i, std::uint32_t threshold, Doubles v) {
  typedef std::uint32_t NarrowWords __attribute__((vector_size(kVectorBytes / 2)));
  NarrowWords narrow;
  std::memcpy(&narrow, reinterpret_cast<const char*>(words) + i * sizeof narrow, sizeof narrow);
  const LongWords wide = __builtin_convertvector(narrow, LongWords);
  return wide >= static_cast<std::uint64_t>(threshold) ? v : Doubles{};
}

// What is kept of vector number i of a group.
template <typename Compute>
struct Keep {
  const Words* words;  // of the whole group
  int i;
  std::uint32_t threshold;
  Compute scale;

  Vector<Compute> operator()(Vector<Compute> v) const {
    return zero_below(words, i, threshold, v * scale);
  }
};

struct KeepAll {
  template <typename V>
  V operator()(V v) const {
    return v;
  }
};

// Calls f(first element, lanes, keep) for every vector of row (n, e): keep(v) is v with the dropped
// elements zero, whatever they were, and the others scaled.
template <typename Compute, bool kDrop, typename F>
inline void for_each_kept(const RowDropout& dropout, std::int64_t n, std::int64_t e,
                          std::int64_t dim, F f) {
  if constexpr (!kDrop) {
    for_each_vector<Compute>(dim, [&](std::int64_t d, auto lanes) { f(d, lanes, KeepAll{}); });
  } else {
    const PhiloxRow row(dropout.keys[e],
                        RowCounter{static_cast<std::uint32_t>(dropout.positions[n]),
                                   static_cast<std::uint32_t>(dropout.samples[n]), 0});
    Words words[4];
    Keep<Compute> keep{words, 0, dropout.threshold, static_cast<Compute>(dropout.scale)};
    std::int64_t first = 0;
    for (; first + kWordsAtOnce <= dim; first += kWordsAtOnce) {
      row.words(static_cast<std::uint32_t>(first / 4), words);
#pragma GCC unroll 8
      for (int i = 0; i < kWordsAtOnce / kLanes<Compute>; ++i) {
        keep.i = i;
        f(first + i * kLanes<Compute>, AllLanes{}, keep);
      }
    }
    if (first == dim) return;
    row.words(static_cast<std::uint32_t>(first / 4), words);
    for (keep.i = 0; first < dim; ++keep.i, first += kLanes<Compute>) {
      const std::int64_t rest = dim - first;
      f(first, FirstLanes{rest < kLanes<Compute> ? rest : kLanes<Compute>}, keep);
    }
  }
}

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
