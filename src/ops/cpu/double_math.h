// Logarithm, sine and cosine of vectors of doubles, to within 2^-49 of their size, by Taylor
// series. Compiled without fused multiply-add, see src/CMakeLists.txt: where a product is rounded
// is part of what they promise.
#pragma once

#include "vector.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

// ln x for 2^-40 < x < 1. x = 2^k m with m in [sqrt(1/2), sqrt(2)), so that k is 0 near 1, where
// the result is as small as 1 - x. Then ln m = 2 artanh(s) with s = (m - 1) / (m + 1) and
// s^2 < 0.0295, whose series of 11 terms leaves out less than 2^-57 of it.
inline Doubles logarithm_below_one(Doubles x) {
  constexpr std::uint64_t kRootOfHalf = 0x3FE6A09E667F3BCDu;  // the bits of sqrt(1/2)
  constexpr std::uint64_t kExponentOffset = 64;               // keeps k + 64 positive
  const LongWords shifted = (LongWords)x - kRootOfHalf + (kExponentOffset << 52);
  const LongWords exponent = shifted >> 52;  // k + 64
  const Doubles m = (Doubles)((LongWords)x - ((exponent - kExponentOffset) << 52));
  // 2^52 + an integer has the integer in its lowest bits.
  const Doubles k = (Doubles)(exponent | 0x4330000000000000u) - (0x1p52 + kExponentOffset);
  const Doubles s = (m - 1.0) / (m + 1.0);
  const Doubles z = s * s;
  Doubles series = z * (1.0 / 21) + 1.0 / 19;
  series = series * z + 1.0 / 17;
  series = series * z + 1.0 / 15;
  series = series * z + 1.0 / 13;
  series = series * z + 1.0 / 11;
  series = series * z + 1.0 / 9;
  series = series * z + 1.0 / 7;
  series = series * z + 1.0 / 5;
  series = series * z + 1.0 / 3;
  return k * 0.6931471805599453 + (2.0 * s + 2.0 * s * z * series);
}

struct SineCosine {
  Doubles sine, cosine;
};

// For 0 <= x < 100. x = k pi/2 + r with |r| <= pi/4; pi/2 in two parts, of which multiples of the
// first are exact, so that r is right to its last bits however small it is.
inline SineCosine sine_cosine(Doubles x) {
  constexpr double kFirst = 0x1.921fb544p+0, kSecond = 0x1.0b4611a626331p-34;
  const Doubles shifted = x * 0.6366197723675814 + 0x1.8p52;  // rounds to an integer
  const Doubles k = shifted - 0x1.8p52;
  const LongWords quadrant = (LongWords)shifted;
  const Doubles r = (x - k * kFirst) - k * kSecond;
  const Doubles z = r * r;
  Doubles odd = z * (1.0 / 355687428096000) - 1.0 / 1307674368000;  // 1/17! and 1/15!
  odd = odd * z + 1.0 / 6227020800;
  odd = odd * z - 1.0 / 39916800;
  odd = odd * z + 1.0 / 362880;
  odd = odd * z - 1.0 / 5040;
  odd = odd * z + 1.0 / 120;
  odd = odd * z - 1.0 / 6;
  const Doubles sine = r + r * z * odd;
  Doubles even = z * (1.0 / 20922789888000) - 1.0 / 87178291200;  // 1/16! and 1/14!
  even = even * z + 1.0 / 479001600;
  even = even * z - 1.0 / 3628800;
  even = even * z + 1.0 / 40320;
  even = even * z - 1.0 / 720;
  even = even * z + 1.0 / 24;
  const Doubles cosine = 1.0 - 0.5 * z + z * z * even;
  // A quarter turn exchanges the two, half a turn changes both signs.
  const LongWords swap = -(quadrant & 1);
  const LongWords sine_sign = (quadrant & 2) << 62, cosine_sign = ((quadrant + 1) & 2) << 62;
  const LongWords s = (LongWords)sine, c = (LongWords)cosine;
  return {(Doubles)(((s & ~swap) | (c & swap)) ^ sine_sign),
          (Doubles)(((c & ~swap) | (s & swap)) ^ cosine_sign)};
}

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
