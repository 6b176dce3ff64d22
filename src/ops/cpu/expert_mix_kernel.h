// What src/ops/cpu/expert_mix_kernel.cpp offers, once for each instruction set.
#pragma once

#include <cstdint>

#include "every_isa.h"
#include "kernel_type.h"

namespace hgnn_moe::ops {

// Plain pointers and sizes; tokens begin to end of contiguous [N, E, D] and [N, R, D].
struct ExpertMixArguments {
  KernelType type;
  std::int64_t rows, experts, dim;
  bool stream;  // the result is larger than the caches
};

struct ExpertMixKernels {
  // out_n = mixing_n x_n; the mixing of token n stands at mixing + n * mixing_stride.
  void (*mix)(const ExpertMixArguments&, const void* mixing, std::int64_t mixing_stride,
              const void* x, void* out, std::int64_t begin, std::int64_t end);
  // d_mixing_n += d_out_n x_n^T, at d_mixing + (n - begin) * d_mixing_stride.
  void (*gradient)(const ExpertMixArguments&, const void* d_out, const void* x, void* d_mixing,
                   std::int64_t d_mixing_stride, std::int64_t begin, std::int64_t end);
};

HGNN_MOE_DECLARE_FOR_EVERY_ISA(ExpertMixKernels, kExpertMixKernels);

}  // namespace hgnn_moe::ops
