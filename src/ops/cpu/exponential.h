// exp of vectors whose elements are at most 0, as in a softmax.
#pragma once

#include "vector.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

// Within 1 ulp for -87.3 <= x <= 0, NaN for NaN; 0 below, where the exact value is under 1.2e-38.
// x = n ln 2 + r with |r| <= ln 2 / 2, and a polynomial for e^r, that of Cephes' expf.
inline Floats exponential(Floats x) {
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the lowest bits.
  const Floats shifted = x * 1.44269504f + 12582912.0f;
  const Floats n = shifted - 12582912.0f;
  const Floats r = x - n * 0.693359375f + n * 2.12194440e-4f;
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const Floats power = (Floats)(((Words)shifted << 23) + 0x3F800000);  // 2^n
  const Floats zero = {};
  return x < -87.3f ? zero : p * power;
}

inline Doubles exponential(Doubles x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_exp(x[i]);
  return x;
}

inline float logarithm(float x) { return __builtin_logf(x); }
inline double logarithm(double x) { return __builtin_log(x); }

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
