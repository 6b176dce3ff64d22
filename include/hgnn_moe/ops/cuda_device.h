// What the process can see of NVIDIA devices; answers in builds without CUDA too.
#pragma once

#include <cstdint>

namespace hgnn_moe::ops {

struct CudaStatus {
  bool compiled = false;    // this build has CUDA kernels
  int runtime_version = 0;  // as 13000; 0 where not compiled
  int driver_version = 0;   // newest CUDA the driver serves, as 12080; 0 without a driver
  int device_count = 0;     // usable devices
};

CudaStatus cuda_status();

// Peak bytes taken by LibTorch's allocator on the device since the process started.
std::int64_t cuda_peak_memory_bytes(int device);

}  // namespace hgnn_moe::ops
