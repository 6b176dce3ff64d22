// The numbers of hgnn_moe/base/philox.h, whose inline code may not be compiled here, for several
// blocks side by side.
#pragma once

#include "vector.h"

#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace hgnn_moe::ops::HGNN_MOE_ISA {

// A block a lane of LongWords. Words stand in the lower halves; what is above them is left as it
// falls, because products do not read it.
inline constexpr int kBlocksOfVector = kVectorBytes / 8;
inline constexpr int kBlocksAtOnce = 2 * kBlocksOfVector;

// Products of the lower halves, and the even (odd) lanes of a and b in turn: a0 b0 a2 b2 ...
#if defined(__AVX512F__)
inline LongWords multiply_words(LongWords a, LongWords b) {
  return (LongWords)_mm512_mul_epu32((__m512i)a, (__m512i)b);
}
inline Words even_lanes(LongWords a, LongWords b) {
  return (Words)_mm512_unpacklo_epi64((__m512i)a, (__m512i)b);
}
inline Words odd_lanes(LongWords a, LongWords b) {
  return (Words)_mm512_unpackhi_epi64((__m512i)a, (__m512i)b);
}
#elif defined(__AVX2__)
inline LongWords multiply_words(LongWords a, LongWords b) {
  return (LongWords)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}
inline Words even_lanes(LongWords a, LongWords b) {
  return (Words)_mm256_unpacklo_epi64((__m256i)a, (__m256i)b);
}
inline Words odd_lanes(LongWords a, LongWords b) {
  return (Words)_mm256_unpackhi_epi64((__m256i)a, (__m256i)b);
}
#else
inline LongWords multiply_words(LongWords a, LongWords b) {
#ifdef __SSE2__
  return (LongWords)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
#endif
}
inline Words even_lanes(LongWords a, LongWords b) { return (Words)LongWords{a[0], b[0]}; }
inline Words odd_lanes(LongWords a, LongWords b) { return (Words)LongWords{a[1], b[1]}; }
#endif

// Counter words 1 to 3 of a row; word 0 counts blocks of four features.
struct RowCounter {
  std::uint32_t position, sample, head;
};

// The blocks of one row under one key. In the first round one of the two products is the same for
// all of them, and in the second the other: the constructor computes them.
class PhiloxRow {
 public:
  PhiloxRow(std::uint64_t key, const RowCounter& row) {
    for (std::uint32_t round = 0; round < kRounds; ++round) {
      key0_[round] = low(key) + round * 0x9E3779B9u;
      key1_[round] = high(key) + round * 0xBB67AE85u;
    }
    const std::uint64_t product1 = kMultiplier1 * row.sample;
    const std::uint64_t product0 = kMultiplier0 * low(high(product1) ^ row.position ^ key0_[0]);
    first_key1_ = key1_[0] ^ row.head;
    word0_ = low(product1) ^ key0_[1];
    word2_ = high(product0) ^ key1_[1];
    word3_ = low(product0);
    // even_lanes and odd_lanes undo this order.
    for (int i = 0; i < kBlocksOfVector; ++i) order_[i] = i / 2 + i % 2 * kBlocksOfVector / 2;
  }

  // The words of kBlocksAtOnce blocks from `first` on, in order. Two vectors of blocks take each
  // step in turn: one alone would wait for its own products.
  void words(std::uint32_t first, Words out[4]) const {
    LongWords word0[2], word1[2], word2[2], word3[2];
    for (int i = 0; i < 2; ++i) {
      const LongWords block = order_ + (first + i * kBlocksOfVector);
      const LongWords product0 = multiply_words(block, splat(kMultiplier0));
      const LongWords product1 =
          multiply_words((product0 >> 32) ^ first_key1_, splat(kMultiplier1));
      word0[i] = (product1 >> 32) ^ word0_;
      word1[i] = product1;
      word2[i] = product0 ^ word2_;
      word3[i] = splat(word3_);
    }
#pragma GCC unroll 8
    for (int round = 2; round < kRounds; ++round) {
      LongWords product0[2], product1[2];
      for (int i = 0; i < 2; ++i) product0[i] = multiply_words(word0[i], splat(kMultiplier0));
      for (int i = 0; i < 2; ++i) product1[i] = multiply_words(word2[i], splat(kMultiplier1));
      for (int i = 0; i < 2; ++i) {
        word0[i] = (product1[i] >> 32) ^ word1[i] ^ key0_[round];
        word1[i] = product1[i];
        word2[i] = (product0[i] >> 32) ^ word3[i] ^ key1_[round];
        word3[i] = product0[i];
      }
    }
    for (int i = 0; i < 2; ++i) {
      const LongWords first_half = (word0[i] & kLow) | (word1[i] << 32);
      const LongWords second_half = (word2[i] & kLow) | (word3[i] << 32);
      out[2 * i] = even_lanes(first_half, second_half);
      out[2 * i + 1] = odd_lanes(first_half, second_half);
    }
  }

 private:
  static constexpr int kRounds = 10;
  static constexpr std::uint64_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
  static constexpr std::uint64_t kLow = 0xFFFFFFFFu;

  static LongWords splat(std::uint64_t word) { return LongWords{} + word; }
  static std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
  static std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

  LongWords order_ = {};
  std::uint64_t key0_[kRounds], key1_[kRounds];
  std::uint64_t first_key1_;             // of the first round, with the counter's last word
  std::uint64_t word0_, word2_, word3_;  // what all blocks share in the second round
};

// Words that are drawn at once.
inline constexpr std::int64_t kWordsAtOnce = 4 * kBlocksAtOnce;

// words[f] = word f % 4 of block f / 4 of the row for f < count, rounded up to a multiple of
// kWordsAtOnce.
inline void philox_words(std::uint64_t key, const RowCounter& row, std::int64_t count,
                         std::uint32_t* words) {
  const PhiloxRow blocks(key, row);
  for (std::int64_t f = 0; f < count; f += kWordsAtOnce) {
    Words group[4];
    blocks.words(static_cast<std::uint32_t>(f / 4), group);
    std::memcpy(words + f, group, sizeof group);
  }
}

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
