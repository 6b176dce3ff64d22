// The device and the threads that a run uses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/ops/cuda_device.h"

namespace hgnn_moe {

struct DeviceChoice {
  c10::Device device{c10::kCPU};
  std::vector<std::string> notes;  // why auto did not take a GPU
};

// Resolves "auto", "cpu", "cuda" or "cuda:i" against what is there. Throws Error(usage) where a
// GPU is asked for and cannot be had: no CUDA in this build, no driver, a driver older than the
// CUDA runtime (both versions named), no such device.
DeviceChoice choose_device(const std::string& request, const ops::CudaStatus& cuda);

// The same against what this machine has.
DeviceChoice choose_device(const std::string& request);

// GPUs that choose_device can give on this machine.
int usable_gpus();

// Threads of LibTorch's operations, deterministic algorithms, and reproducible CUDA libraries.
void configure_machine(const TrainConfig& config);

// Lets products of float32 round their factors to tf32, or not; those of bfloat16 add up in float32
// alone. Throws Error(usage) where the device has no tf32.
void set_precision(Precision precision, c10::Device device);

// As "NVIDIA H100 80GB HBM3", or "the CPU".
std::string device_name(c10::Device device);

// Waits for queued work, so that a clock read next measures what was done.
void wait_for(c10::Device device);

// Resident memory of the process now and at its peak, or what LibTorch took on a GPU at its peak.
std::int64_t memory_bytes(c10::Device device);
std::int64_t peak_memory_bytes(c10::Device device);

}  // namespace hgnn_moe
