// GELU in its exact form, v Phi(v) with Phi the normal distribution, and its derivative.
#pragma once

#include "vector.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

// v, at most `end` away from 0; NaN stays. The instructions return their second operand where one
// is not a number.
inline Floats clamp(Floats v, float end) {
#if defined(__AVX512F__)
  const __m512 below = _mm512_min_ps(_mm512_set1_ps(end), (__m512)v);
  return (Floats)_mm512_max_ps(_mm512_set1_ps(-end), below);
#elif defined(__AVX2__)
  const __m256 below = _mm256_min_ps(_mm256_set1_ps(end), (__m256)v);
  return (Floats)_mm256_max_ps(_mm256_set1_ps(-end), below);
#else
  const Floats last = Floats{} + end;
  const Floats below = v > last ? last : v;
  return below < -last ? -last : below;
#endif
}

// c[0] + c[1] x + ... + c[n - 1] x^(n - 1).
template <int n>
inline Floats polynomial(const float (&c)[n], Floats x) {
  Floats sum = Floats{} + c[n - 1];
#pragma GCC unroll 8
  for (int i = n - 2; i >= 0; --i) sum = sum * x + c[i];
  return sum;
}

// Phi(v) - 1/2 and gelu'(v) - 1/2 are odd functions that reach -1/2 and 1/2 to float's precision at
// 5.5 and 6. Between, each is v P(v^2) / Q(v^2) with the least largest error (Lawson's iteration on
// a linearised fit against 40 digits): 7e-9 and 4e-9, far below the rounding of the sum with 1/2.
// With rounded coefficients and arithmetic both functions are off by less than 3e-7, as those made
// of erf and exp in float are.
inline constexpr float kDistributionEnd = 5.5f, kSlopeEnd = 6.0f;

inline Floats gelu(Floats v) {
  constexpr float p[] = {0.398942232f,   3.38529795e-2f, 4.67728171e-3f,
                         1.68829167e-4f, 6.35214928e-6f, 2.27491874e-8f};
  constexpr float q[] = {1.0f,           0.25152275f,    2.86460649e-2f,
                         1.88446441e-3f, 7.36486618e-5f, 1.19750109e-6f};
  const Floats inside = clamp(v, kDistributionEnd), x = inside * inside;
  const Floats distribution = 0.5f + inside * polynomial(p, x) / polynomial(q, x);
  return v < -kDistributionEnd ? Floats{} : v * distribution;
}

// Phi(v) + v Phi'(v).
inline Floats gelu_derivative(Floats v) {
  constexpr float p[] = {0.797884524f,   -2.23711263e-2f, 1.38573358e-2f, 2.02733703e-4f,
                         3.40918996e-5f, 9.22538277e-7f,  1.70464851e-8f};
  constexpr float q[] = {1.0f,           0.305294901f,   4.41336408e-2f, 3.97151522e-3f,
                         2.45324802e-4f, 1.03077637e-5f, 3.38981692e-7f, 1.3147774e-9f};
  const Floats inside = clamp(v, kSlopeEnd), x = inside * inside;
  const Floats slope = 0.5f + inside * polynomial(p, x) / polynomial(q, x);
  return v < -kSlopeEnd ? Floats{} : slope;
}

// Double precision is for tests: lane by lane.
inline double normal_distribution(double v) {
  return 0.5 * __builtin_erfc(-v * 0.7071067811865476);
}

inline Doubles gelu(Doubles v) {
  for (int i = 0; i < kLanes<double>; ++i) v[i] *= normal_distribution(v[i]);
  return v;
}
inline Doubles gelu_derivative(Doubles v) {
  for (int i = 0; i < kLanes<double>; ++i) {
    const double density = 0.3989422804014327 * __builtin_exp(-0.5 * v[i] * v[i]);
    v[i] = normal_distribution(v[i]) + v[i] * density;
  }
  return v;
}

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
