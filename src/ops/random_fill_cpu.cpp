#include <ATen/Parallel.h>

#include "cpu/random_fill_kernel.h"
#include "cpu_launch.h"
#include "random_fill_kernels.h"

namespace hgnn_moe::ops {

namespace {

// Groups that are worth a thread of their own.
constexpr std::int64_t kGroupsAtOnce = 256;

const RandomFillKernels& kernels(CpuIsa isa) {
  return HGNN_MOE_KERNELS_OF(isa, kRandomFillKernels);
}

}  // namespace

void random_fill_cpu(CpuIsa isa, const RandomFill& fill, std::int64_t count, float* out) {
  const auto kernel =
      fill.distribution == RandomDistribution::normal ? kernels(isa).normal : kernels(isa).uniform;
  const std::int64_t groups = count / kFillGroup;
  at::parallel_for(0, groups, kGroupsAtOnce, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      g = kernel(fill.key, fill.scale, g, end, out);
      // One group in 2^15 has a value that the kernel's rounding errors might move.
      if (g < end) random_fill_loop(fill, g * kFillGroup, (g + 1) * kFillGroup, out);
    }
  });
  random_fill_loop(fill, groups * kFillGroup, count, out);
}

}  // namespace hgnn_moe::ops
