// What the parts of random_fill share.
#pragma once

#include <cstdint>

#include "hgnn_moe/ops/cpu_isa.h"
#include "hgnn_moe/ops/random_fill.h"

namespace hgnn_moe::ops {

// Elements begin to end of the fill, into out[begin] to out[end - 1]; begin is a multiple of 4.
void random_fill_loop(const RandomFill& fill, std::int64_t begin, std::int64_t end, float* out);
void random_fill_loop(const RandomFill& fill, std::int64_t begin, std::int64_t end, double* out);

// float32 by vector kernels: the same bits.
void random_fill_cpu(CpuIsa isa, const RandomFill& fill, std::int64_t count, float* out);

}  // namespace hgnn_moe::ops
