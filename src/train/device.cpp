#include "hgnn_moe/train/device.h"

#include <cstdlib>
#include <fstream>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hgnn_moe/base/cores.h"
#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/cpu_isa.h"

namespace hgnn_moe {

namespace {

std::string cuda_version(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

// Why no GPU can be used, or "".
std::string cuda_obstacle(const ops::CudaStatus& cuda) {
  if (!cuda.compiled) return "this build has no CUDA; build the preset 'cuda'";
  if (cuda.driver_version == 0) return "no NVIDIA driver was found; install one";
  if (cuda.driver_version < cuda.runtime_version) {
    return fmt::format("the NVIDIA driver serves CUDA up to {} and this build needs {}; update it",
                       cuda_version(cuda.driver_version), cuda_version(cuda.runtime_version));
  }
  if (cuda.device_count == 0)
    return "the NVIDIA driver lists no device; check CUDA_VISIBLE_DEVICES";
  return "";
}

}  // namespace

DeviceChoice choose_device(const std::string& request, const ops::CudaStatus& cuda) {
  DeviceChoice choice;
  if (request == "cpu") return choice;
  const std::string obstacle = cuda_obstacle(cuda);
  if (request == "auto") {
    if (obstacle.empty()) {
      choice.device = c10::Device(c10::kCUDA, 0);
    } else if (cuda.compiled || cuda.has_driver) {
      choice.notes.push_back("device auto takes the CPU: " + obstacle);
    }
    return choice;
  }
  if (!obstacle.empty()) fail(ExitCode::usage, "device is {}, but {}", request, obstacle);
  const int index = request == "cuda" ? 0 : std::stoi(request.substr(5));
  if (index >= cuda.device_count) {
    fail(ExitCode::usage, "device is {}, but there are {}; take cuda:0 to cuda:{}", request,
         cuda.device_count, cuda.device_count - 1);
  }
  choice.device = c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
  return choice;
}

DeviceChoice choose_device(const std::string& request) {
  return choose_device(request, ops::cuda_status());
}

int usable_gpus() {
  const ops::CudaStatus cuda = ops::cuda_status();
  return cuda_obstacle(cuda).empty() ? cuda.device_count : 0;
}

void configure_machine(const TrainConfig& config) {
  ops::cpu_isa();  // a wrong HGNN_MOE_CPU is said before the run folder is touched
  at::set_num_threads(resolve_threads(config.threads));
  if (config.deterministic) {
    // cuBLAS reads it when its first handle is made, which is later.
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    at::globalContext().setBenchmarkCuDNN(false);
  }
}

void set_precision(Precision precision, c10::Device device) {
  const bool has_tf32 = device.is_cuda() && ops::cuda_compute_capability(device.index()) >= 80;
  if (precision == Precision::tf32 && !has_tf32) {
    fail(ExitCode::usage,
         "precision is tf32, which NVIDIA GPUs of compute capability 8.0 or later have, and the "
         "run is on {}; take fp32 or bf16",
         device.str());
  }
  at::globalContext().setAllowTF32CuBLAS(precision == Precision::tf32);
  // A product whose sum is cut into parts would otherwise add those in bfloat16.
  at::globalContext().setAllowBF16ReductionCuBLAS(/*allow_reduced_precision=*/false);
}

std::string device_name(c10::Device device) {
  return device.is_cuda() ? ops::cuda_device_name(device.index()) : "the CPU";
}

void wait_for(c10::Device device) {
  if (device.is_cuda()) ops::cuda_synchronize(device.index());
}

std::int64_t memory_bytes(c10::Device device) {
  if (device.is_cuda()) return ops::cuda_memory(device.index()).current;
  std::ifstream statm("/proc/self/statm");
  std::int64_t total_pages = 0, resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

std::int64_t peak_memory_bytes(c10::Device device) {
  if (device.is_cuda()) return ops::cuda_memory(device.index()).peak;
  struct rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace hgnn_moe
