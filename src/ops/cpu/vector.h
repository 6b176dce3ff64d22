// Vectors of the instruction set that this translation unit is compiled for. Files in this folder
// are compiled once for each (HGNN_MOE_ISA names it), so all they define stands in a namespace of
// that name and they include nothing that could be merged across instruction sets.
#pragma once

#include <cstdint>
#include <cstring>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace hgnn_moe::ops::HGNN_MOE_ISA {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

// bfloat16 in memory; computed with as float.
struct Bf16 {
  std::uint16_t bits;
};

template <typename Scalar>
struct Traits {
  using Compute = Scalar;
};
template <>
struct Traits<Bf16> {
  using Compute = float;
};

typedef float Floats __attribute__((vector_size(kVectorBytes)));
typedef double Doubles __attribute__((vector_size(kVectorBytes)));
typedef std::uint32_t Words __attribute__((vector_size(kVectorBytes)));
typedef std::uint64_t LongWords __attribute__((vector_size(kVectorBytes)));
typedef float HalfFloats __attribute__((vector_size(kVectorBytes / 2)));
typedef std::uint16_t HalfWords __attribute__((vector_size(kVectorBytes / 2)));

template <typename Compute>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef Floats Type;
  typedef Words Integers;
};
template <>
struct VectorOf<double> {
  typedef Doubles Type;
  typedef LongWords Integers;
};
template <typename Compute>
using Vector = typename VectorOf<Compute>::Type;
// One integer beside each lane.
template <typename Compute>
using Integers = typename VectorOf<Compute>::Integers;

template <typename Compute>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(Compute));

// 0, 1, 2 ...; masks computed from it are constants to the compiler.
template <typename Compute>
inline Integers<Compute> lane_numbers() {
  constexpr std::uint32_t kNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  constexpr std::uint64_t kLongNumbers[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  Integers<Compute> numbers;
  if (sizeof(Compute) == sizeof(kNumbers[0])) {
    std::memcpy(&numbers, kNumbers, sizeof numbers);
  } else {
    std::memcpy(&numbers, kLongNumbers, sizeof numbers);
  }
  return numbers;
}

inline float load(const Bf16* p) {
  const std::uint32_t bits = static_cast<std::uint32_t>(p->bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline float load(const float* p) { return *p; }
inline double load(const double* p) { return *p; }

// To nearest, ties to even; any NaN becomes the quiet one.
inline void store(Bf16* p, float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  p->bits = value != value ? 0x7FC0
                           : static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}
inline void store(float* p, float value) { *p = value; }
inline void store(double* p, double value) { *p = value; }

inline Floats load_vector(const float* p) {
  Floats v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline Doubles load_vector(const double* p) {
  Doubles v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline Floats load_vector(const Bf16* p) {
  HalfWords half;
  std::memcpy(&half, p, sizeof half);
#ifdef __AVX512F__
  return (Floats)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)half), 16);
#else
  return (Floats)(__builtin_convertvector(half, Words) << 16);
#endif
}

// Of floats in float64.
inline Doubles load_doubles(const float* p) {
  HalfFloats half;
  std::memcpy(&half, p, sizeof half);
  return __builtin_convertvector(half, Doubles);
}
inline Doubles load_doubles(const double* p) { return load_vector(p); }

inline void store_vector(float* p, Floats v) { std::memcpy(p, &v, sizeof v); }
inline void store_vector(double* p, Doubles v) { std::memcpy(p, &v, sizeof v); }

inline Words round_to_bf16(Floats v) {
  const Words bits = (Words)v;
  return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
}

// v rounded, in half a vector; any NaN becomes `nan`.
inline HalfWords to_bf16_by_integers(Floats v, std::uint32_t nan) {
#if defined(__AVX512F__)
  const __mmask16 is_nan = _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q);
  return (HalfWords)_mm512_cvtepi32_epi16(
      _mm512_mask_mov_epi32((__m512i)round_to_bf16(v), is_nan, (__m512i)(Words{} + nan)));
#else
  return __builtin_convertvector(v != v ? Words{} + nan : round_to_bf16(v), HalfWords);
#endif
}

// v rounded, in half a vector.
inline HalfWords to_bf16(Floats v) {
#if defined(__AVX512BF16__)
  return (HalfWords)_mm512_cvtneps_pbh((__m512)v);
#else
  return to_bf16_by_integers(v, 0x7FC0);
#endif
}

inline void store_vector(Bf16* p, Floats v) {
  const HalfWords half = to_bf16(v);
  std::memcpy(p, &half, sizeof half);
}

// The bits that PyTorch's cast gives: unlike one instruction's, with results below 1.2e-38 and a
// NaN of all ones.
inline void store_vector_as_cast(Bf16* p, Floats v) {
  const HalfWords half = to_bf16_by_integers(v, 0xFFFF);
  std::memcpy(p, &half, sizeof half);
}

inline void store_vector_as_cast(float* p, Floats v) { store_vector(p, v); }
inline void store_vector_as_cast(double* p, Doubles v) { store_vector(p, v); }

// Past the caches, to an address that is a multiple of the stored size: a result larger than they
// are is then not read before it is written. finish_streaming() makes it visible to other threads.
#if defined(__AVX512F__)
inline void stream_vector(float* p, Floats v) { _mm512_stream_ps(p, (__m512)v); }
inline void stream_vector(double* p, Doubles v) { _mm512_stream_pd(p, (__m512d)v); }
inline void stream_vector(Bf16* p, Floats v) {
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), (__m256i)to_bf16(v));
}
inline void finish_streaming() { _mm_sfence(); }
#elif defined(__AVX2__)
inline void stream_vector(float* p, Floats v) { _mm256_stream_ps(p, (__m256)v); }
inline void stream_vector(double* p, Doubles v) { _mm256_stream_pd(p, (__m256d)v); }
inline void stream_vector(Bf16* p, Floats v) {
  _mm_stream_si128(reinterpret_cast<__m128i*>(p), (__m128i)to_bf16(v));
}
inline void finish_streaming() { _mm_sfence(); }
#else
template <typename Scalar, typename V>
inline void stream_vector(Scalar* p, V v) {
  store_vector(p, v);
}
inline void finish_streaming() {}
#endif

inline Floats square_root(Floats v) {
#if defined(__AVX512F__)
  return (Floats)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX2__)
  return (Floats)_mm256_sqrt_ps((__m256)v);
#else
  for (int i = 0; i < kLanes<float>; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
#endif
}
inline Doubles square_root(Doubles v) {
#if defined(__AVX512F__)
  return (Doubles)_mm512_sqrt_pd((__m512d)v);
#elif defined(__AVX2__)
  return (Doubles)_mm256_sqrt_pd((__m256d)v);
#else
  for (int i = 0; i < kLanes<double>; ++i) v[i] = __builtin_sqrt(v[i]);
  return v;
#endif
}

// The lanes in order: the same sum on every call.
template <typename Compute>
inline Compute sum_of_lanes(Vector<Compute> v) {
  Compute sum = 0;
  for (int i = 0; i < kLanes<Compute>; ++i) sum += v[i];
  return sum;
}

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
