// What src/ops/cpu/random_fill_kernel.cpp offers, once for each instruction set.
#pragma once

#include <cstdint>

#include "every_isa.h"

namespace hgnn_moe::ops {

// Elements that are filled together.
inline constexpr std::int64_t kFillGroup = 64;

// Fills groups begin to end of out, group g being out[kFillGroup * g] and on, with what
// hgnn_moe/ops/random_fill.h defines. Stops before a group with a value so near to the middle
// between two floats that the rounding errors here or in libm could choose either; it is left
// untouched. Returns that group, or end.
using RandomFillKernel = std::int64_t (*)(std::uint64_t key, double scale, std::int64_t begin,
                                          std::int64_t end, float* out);

struct RandomFillKernels {
  RandomFillKernel normal;
  RandomFillKernel uniform;
};

HGNN_MOE_DECLARE_FOR_EVERY_ISA(RandomFillKernels, kRandomFillKernels);

}  // namespace hgnn_moe::ops
