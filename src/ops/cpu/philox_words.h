// Words of Philox4x32-10 for neighbouring features of one row, several blocks at a time. The same
// numbers as base/philox.h, whose inline code may not be compiled here.
#pragma once

#include "vector.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

// Words that philox_words draws at once: one block a lane of LongWords, four words a block.
inline constexpr std::int64_t kWordsAtOnce = 2 * kLanes<float>;

// Counter words 1 to 3 of a row; word 0 counts blocks of four features.
struct RowCounter {
  std::uint32_t position, sample, head;
};

// Products of the low halves of all lanes, whose high halves may hold anything.
inline LongWords multiply_low_halves(LongWords a, LongWords b) {
#if defined(__AVX512F__)
  return (LongWords)_mm512_maskz_mul_epu32(0xFF, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (LongWords)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#else
  return (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF);
#endif
}

// words[f] = word f % 4 of philox(key, {f / 4, position, sample, head}) for f < count, rounded up
// to a multiple of kWordsAtOnce. A block's counter stands in four vectors of 64-bit lanes: the
// product of two 32-bit words is then one instruction, and of its high half and low half, the next
// counter, the low one needs none.
inline void philox_words(std::uint64_t key, const RowCounter& row, std::int64_t count,
                         std::uint32_t* words) {
  constexpr int kBlocks = kLanes<double>;
  const LongWords zero = {}, lane = lane_numbers<double>();
  // Even lanes hold the first half of the blocks, odd lanes the second, so that interleaving
  // neighbouring lanes in the end gives the words in order.
  const LongWords block = (lane >> 1) + (lane & 1) * (kBlocks / 2);
  const LongWords even = lane + (lane & 1) * (kBlocks - 1), odd = even + 1;
  for (std::int64_t f = 0; f < count; f += kWordsAtOnce) {
    LongWords c0 = block + static_cast<std::uint64_t>(f / 4), c1 = zero + row.position,
              c2 = zero + row.sample, c3 = zero + row.head;
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const LongWords product0 = multiply_low_halves(c0, zero + 0xD2511F53u);
      const LongWords product1 = multiply_low_halves(c2, zero + 0xCD9E8D57u);
      c0 = (product1 >> 32) ^ c1 ^ k0;
      c1 = product1;
      c2 = (product0 >> 32) ^ c3 ^ k1;
      c3 = product0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    const LongWords c01 = (c0 & 0xFFFFFFFF) | (c1 << 32), c23 = (c2 & 0xFFFFFFFF) | (c3 << 32);
    const LongWords first = __builtin_shuffle(c01, c23, even),
                    second = __builtin_shuffle(c01, c23, odd);
    std::memcpy(words + f, &first, sizeof first);
    std::memcpy(words + f + kLanes<float>, &second, sizeof second);
  }
}

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
