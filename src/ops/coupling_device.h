// Which implementation of a coupling operation serves a tensor.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include "cpu_launch.h"

#include "hgnn_moe/ops/cpu_isa.h"

namespace hgnn_moe::ops {

// Whether kernels of ours serve x's device, its type and so many experts; else plain ATen does.
bool has_coupling_kernel(const at::Tensor& x, std::int64_t experts);

// blocks [C, ...] summed over C in float64, by a reduction of ATen that adds in the same order
// every time.
at::Tensor sum_of_blocks(const at::Tensor& blocks);

// Throws c10::ValueError where `tensor`, called `name`, is not of a floating type on x's device.
void check_beside(const at::Tensor& tensor, const char* name, const at::Tensor& x,
                  const char* operation);

// The launcher for x's device; a build without CUDA compiles none for CUDA.
template <typename OnCpu, typename OnCuda>
void on_device(const at::Tensor& x, OnCpu on_cpu, [[maybe_unused]] OnCuda on_cuda) {
  if (x.is_cpu()) return on_cpu();
#ifdef HGNN_MOE_CUDA
  on_cuda();
#else
  TORCH_CHECK(false, "a CUDA tensor in a build of libhgnn_moe_ops.so without CUDA");
#endif
}

}  // namespace hgnn_moe::ops
