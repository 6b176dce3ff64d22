#include <cstdint>

#include <ATen/core/Tensor.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda/std/chrono>

#include "cuda_stamp.h"

namespace hgnn_moe::ops {

namespace {

__global__ void write_time(std::int64_t* time) {
  const auto now = cuda::std::chrono::system_clock::now().time_since_epoch();
  *time = cuda::std::chrono::duration_cast<cuda::std::chrono::nanoseconds>(now).count();
}

}  // namespace

void write_cuda_time(const at::Tensor& time) {
  const c10::cuda::CUDAGuard guard(time.device());
  write_time<<<1, 1, 0, at::cuda::getCurrentCUDAStream()>>>(time.mutable_data_ptr<std::int64_t>());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace hgnn_moe::ops
