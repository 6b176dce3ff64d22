#include "hgnn_moe/ops/cuda_device.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "hgnn_moe/base/error.h"

#ifdef HGNN_MOE_CUDA
#include <ATen/Context.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>
#endif

namespace hgnn_moe::ops {

namespace {

// Files of the kernel's driver and of Windows' one in WSL; a build without CUDA can ask nothing
// else.
bool driver_is_installed() {
  constexpr const char* kFiles[] = {"/proc/driver/nvidia/version", "/usr/lib/wsl/lib/libcuda.so.1"};
  std::error_code ignored;
  return std::any_of(std::begin(kFiles), std::end(kFiles),
                     [&](const char* file) { return std::filesystem::exists(file, ignored); });
}

}  // namespace

#ifdef HGNN_MOE_CUDA

CudaStatus cuda_status() {
  CudaStatus status;
  status.compiled = true;
  status.has_driver = driver_is_installed();
  // Both calls work without a driver; the driver version is then 0.
  (void)cudaRuntimeGetVersion(&status.runtime_version);
  (void)cudaDriverGetVersion(&status.driver_version);
  if (status.driver_version >= status.runtime_version)
    status.device_count = c10::cuda::device_count();
  return status;
}

CudaMemory cuda_memory(int device) {
  const auto stats =
      c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(device));
  constexpr auto kAggregate = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return {stats.reserved_bytes[kAggregate].current, stats.reserved_bytes[kAggregate].peak};
}

void cuda_synchronize(int device) {
  const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device));
  c10::cuda::device_synchronize();
}

std::int64_t cuda_shared_memory(int device) {
  return at::cuda::getDeviceProperties(static_cast<c10::DeviceIndex>(device))
      ->sharedMemPerBlockOptin;
}

int cuda_compute_capability(int device) {
  const auto* properties = at::cuda::getDeviceProperties(static_cast<c10::DeviceIndex>(device));
  return 10 * properties->major + properties->minor;
}

void cuda_forbid_waiting(bool forbid) {
  using c10::cuda::SyncDebugMode;
  c10::cuda::warning_state().set_sync_debug_mode(forbid ? SyncDebugMode::L_ERROR
                                                        : SyncDebugMode::L_DISABLED);
}

std::string cuda_device_name(int device) {
  return at::cuda::getDeviceProperties(static_cast<c10::DeviceIndex>(device))->name;
}

#else

void cuda_forbid_waiting(bool) { HGNN_MOE_ASSERT(false, "{}", "a build without CUDA"); }

std::string cuda_device_name(int device) {
  HGNN_MOE_ASSERT(false, "device {} in a build without CUDA", device);
}

int cuda_compute_capability(int device) {
  HGNN_MOE_ASSERT(false, "device {} in a build without CUDA", device);
}

std::int64_t cuda_shared_memory(int device) {
  HGNN_MOE_ASSERT(false, "device {} in a build without CUDA", device);
}

CudaStatus cuda_status() {
  CudaStatus status;
  status.has_driver = driver_is_installed();
  return status;
}

CudaMemory cuda_memory(int device) {
  HGNN_MOE_ASSERT(false, "device {} in a build without CUDA", device);
}

void cuda_synchronize(int device) {
  HGNN_MOE_ASSERT(false, "device {} in a build without CUDA", device);
}

#endif

}  // namespace hgnn_moe::ops
