// What the process can see of NVIDIA devices; answers in builds without CUDA too.
#pragma once

#include <cstdint>
#include <string>

namespace hgnn_moe::ops {

struct CudaStatus {
  bool compiled = false;    // this build has CUDA kernels
  int runtime_version = 0;  // as 13000; 0 where not compiled
  int driver_version = 0;   // newest CUDA the driver serves, as 12080; 0 without a driver
  int device_count = 0;     // usable devices
  bool has_driver = false;  // an NVIDIA driver is installed, whatever this build can do with it
};

CudaStatus cuda_status();

// Bytes that LibTorch's allocator holds on the device, now and at most since the process started.
struct CudaMemory {
  std::int64_t current = 0;
  std::int64_t peak = 0;
};
CudaMemory cuda_memory(int device);

// Bytes of shared memory that a block on the device may ask for.
std::int64_t cuda_shared_memory(int device);

// As "NVIDIA H100 80GB HBM3".
std::string cuda_device_name(int device);

// As 90 for 9.0.
int cuda_compute_capability(int device);

// Waits for everything queued on the device.
void cuda_synchronize(int device);

// From now on LibTorch throws where an operation would wait for a GPU, or no longer does. For
// tests.
void cuda_forbid_waiting(bool forbid);

}  // namespace hgnn_moe::ops
