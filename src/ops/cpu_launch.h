// What launchers of CPU kernels share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <ATen/core/Tensor.h>

#include "cpu/kernel_type.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/cpu_isa.h"

namespace hgnn_moe::ops {

// Whether kernels of ours, on any device, serve the type.
bool has_kernel_type(at::ScalarType type);

// Whether the CPU kernels serve x's device and type.
bool has_cpu_kernel(const at::Tensor& x);

// The type of weights beside x: float64 beside float64, else float32.
at::ScalarType weight_type(const at::Tensor& x);

KernelType kernel_type(const at::Tensor& x);

// Tokens of E x D elements that are worth a thread of their own; depends on nothing else, so that
// sums over such chunks do not depend on the number of threads.
std::int64_t tokens_at_once(std::int64_t experts, std::int64_t dim);

// Whether a result of so many bytes is written past the caches: it would not stay there, and lines
// that are stored whole need not be read first.
bool exceeds_caches(std::int64_t bytes);

// The kernels of one instruction set out of those of all; null where this build lacks them.
template <typename Kernels>
const Kernels& kernels_of(CpuIsa isa, std::array<const Kernels*, 4> baseline_to_avx512_bf16) {
  const Kernels* kernels = baseline_to_avx512_bf16.at(static_cast<std::size_t>(isa));
  HGNN_MOE_ASSERT(kernels != nullptr, "this build has no kernels for {}", name_of(isa));
  return *kernels;
}

// kernels_of for what HGNN_MOE_DECLARE_FOR_EVERY_ISA declared under `name`.
#ifdef HGNN_MOE_X86_KERNELS
#define HGNN_MOE_KERNELS_OF(isa, name)                       \
  kernels_of<std::remove_const_t<decltype(baseline::name)>>( \
      isa, {&baseline::name, &avx2::name, &avx512::name, &avx512_bf16::name})
#else
#define HGNN_MOE_KERNELS_OF(isa, name)                       \
  kernels_of<std::remove_const_t<decltype(baseline::name)>>( \
      isa, {&baseline::name, nullptr, nullptr, nullptr})
#endif

// chunks [C, ...] summed over C, first to last, in float64.
at::Tensor sum_in_order(const at::Tensor& chunks);

}  // namespace hgnn_moe::ops
