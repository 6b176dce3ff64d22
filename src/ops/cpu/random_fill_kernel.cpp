#include "random_fill_kernel.h"

#include "double_math.h"
#include "philox.h"

namespace hgnn_moe::ops::HGNN_MOE_ISA {

namespace {

typedef std::uint32_t HalfVectorWords __attribute__((vector_size(kVectorBytes / 2)));

constexpr double kTwoPi = 6.283185307179586;
// Far more than the error of a value here or of one made with libm, relative to it; the spacing of
// floats is 2^-23.
constexpr double kErrorBound = 0x1p-45;

// The words in the lower halves of the lanes, as (word + 1/2) / 2^32: exact.
Doubles unit_interval(LongWords words) {
  const Doubles above = (Doubles)(words | 0x4330000000000000u);  // 2^52 + word
  return (above - (0x1p52 - 0.5)) * 0x1p-32;
}

// Rounds values to floats and notes in `unsure` where their error might change the result.
LongWords to_float_bits(Doubles values, HalfVectorWords& unsure) {
  const HalfFloats above = __builtin_convertvector(values * (1.0 + kErrorBound), HalfFloats);
  const HalfFloats below = __builtin_convertvector(values * (1.0 - kErrorBound), HalfFloats);
  unsure |= (HalfVectorWords)above ^ (HalfVectorWords)below;
  return __builtin_convertvector((HalfVectorWords)above, LongWords);
}

struct Pair {
  Doubles first, second;  // of the elements 2i and 2i + 1, made from the words of their places
};

struct Normal {
  static Pair draw(LongWords first, LongWords second, double scale) {
    const Doubles logarithm = logarithm_below_one(unit_interval(first));
    const Doubles radius = scale * square_root(-2.0 * logarithm);
    const SineCosine turn = sine_cosine(kTwoPi * unit_interval(second));
    return {radius * turn.cosine, radius * turn.sine};
  }
};

struct Uniform {
  static Pair draw(LongWords first, LongWords second, double scale) {
    return {scale * (2.0 * unit_interval(first) - 1.0),
            scale * (2.0 * unit_interval(second) - 1.0)};
  }
};

bool has_bit(HalfVectorWords words) {
  std::uint32_t any = 0;
  for (int i = 0; i < kLanes<double>; ++i) any |= words[i];
  return any != 0;
}

// False, and nothing written, where a value is not sure.
template <typename Distribution>
bool fill_group(const PhiloxRow& row, std::uint32_t first_block, double scale, float* out) {
  constexpr int kVectors = static_cast<int>(kFillGroup) / kLanes<float>;
  LongWords results[kVectors];
  HalfVectorWords unsure = {};
  for (int v = 0; v < kVectors; v += 4) {
    Words words[4];
    row.words(first_block + static_cast<std::uint32_t>(v * kLanes<float> / 4), words);
    for (int i = 0; i < 4; ++i) {
      const auto both = (LongWords)words[i];
      const Pair pair = Distribution::draw(both & 0xFFFFFFFFu, both >> 32, scale);
      const LongWords first = to_float_bits(pair.first, unsure);
      results[v + i] = first | to_float_bits(pair.second, unsure) << 32;
    }
  }
  if (has_bit(unsure)) return false;
  std::memcpy(out, results, sizeof results);
  return true;
}

template <typename Distribution>
std::int64_t fill(std::uint64_t key, double scale, std::int64_t begin, std::int64_t end,
                  float* out) {
  constexpr std::int64_t kBlocksOfGroup = kFillGroup / 4;
  for (std::int64_t g = begin; g < end;) {
    const std::int64_t block = g * kBlocksOfGroup;
    const PhiloxRow row(key, {static_cast<std::uint32_t>(block >> 32), 0, 0});
    // As far as the counter's first word goes.
    const std::int64_t row_end = ((block >> 32) + 1) * ((std::int64_t{1} << 32) / kBlocksOfGroup);
    const std::int64_t stop = end < row_end ? end : row_end;
    for (; g < stop; ++g) {
      const auto first_block = static_cast<std::uint32_t>(g * kBlocksOfGroup);
      if (!fill_group<Distribution>(row, first_block, scale, out + g * kFillGroup)) return g;
    }
  }
  return end;
}

}  // namespace

extern const RandomFillKernels kRandomFillKernels{fill<Normal>, fill<Uniform>};

}  // namespace hgnn_moe::ops::HGNN_MOE_ISA
