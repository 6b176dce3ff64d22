#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/device_queue.h"

#ifdef HGNN_MOE_CUDA
#include <ATen/ATen.h>
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include "cuda_stamp.h"
#endif

namespace hgnn_moe::ops {

#ifdef HGNN_MOE_CUDA

namespace {

class CudaMark : public QueueMark {
 public:
  void record() override { event_.record(); }
  void wait() override { event_.synchronize(); }

 private:
  c10::cuda::CUDAEvent event_;
};

class CudaGraphWork : public CapturedWork {
 public:
  at::cuda::CUDAGraph& graph() { return graph_; }
  void replay() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
};

class CudaQueue : public DeviceQueue {
 public:
  explicit CudaQueue(c10::Device device)
      : device_(device),
        // Not the default stream, which cannot be captured.
        stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())),
        pool_(at::cuda::graph_pool_handle()),
        guard_(wait_for_all(device, stream_)) {}

  // Nothing throws here: after an error of the device the one that is on its way is to be reported.
  ~CudaQueue() override { (void)cudaStreamSynchronize(stream_.stream()); }

  c10::Device device() const override { return device_; }

  std::unique_ptr<QueueMark> make_mark() override { return std::make_unique<CudaMark>(); }

  std::unique_ptr<CapturedWork> capture(const std::function<void()>& work) override {
    // The graph's memory is apart from the allocator's: what steps before it have used goes back.
    stream_.synchronize();
    c10::cuda::CUDACachingAllocator::emptyCache();
    auto captured = std::make_unique<CudaGraphWork>();
    // Only this thread's calls are watched: those that read batches and write checkpoints may go
    // on, and autograd's own thread queues its part in the same stream.
    try {
      captured->graph().capture_begin(pool_, cudaStreamCaptureModeThreadLocal);
      work();
    } catch (...) {
      end_quietly(captured->graph());
      throw;
    }
    captured->graph().capture_end();
    return captured;
  }

  std::int64_t captured_bytes() const override {
    std::int64_t bytes = 0;
    const auto memory = c10::cuda::CUDACachingAllocator::snapshot(pool_, /*include_traces=*/false);
    for (const auto& segment : memory.segments) {
      if (segment.owner_private_pool_id == pool_) {
        bytes += static_cast<std::int64_t>(segment.total_size);
      }
    }
    return bytes;
  }

  // Not of LibTorch's allocator: it notes when a copy is done and, asked to free the memory after
  // an error of the device, throws in a destructor.
  at::Tensor host_words(std::int64_t count) override {
    void* words = nullptr;
    const auto bytes = static_cast<std::size_t>(count) * sizeof(std::int64_t);
    C10_CUDA_CHECK(cudaHostAlloc(&words, bytes, cudaHostAllocDefault));
    return at::from_blob(
        words, {count}, [](void* memory) { (void)cudaFreeHost(memory); },
        at::TensorOptions().dtype(at::kLong));
  }

  void stamp(const at::Tensor& time) override { write_cuda_time(time); }

 private:
  // What other streams have queued before, the model's initial values above all.
  static const c10::cuda::CUDAStream& wait_for_all(c10::Device device,
                                                   const c10::cuda::CUDAStream& stream) {
    const c10::cuda::CUDAGuard guard(device);
    c10::cuda::device_synchronize();
    return stream;
  }

  // An error inside of a capture is the one to report, not that the capture ended with it.
  void end_quietly(at::cuda::CUDAGraph& graph) {
    try {
      graph.capture_end();
    } catch (const c10::Error&) {
      (void)cudaGetLastError();  // or the next launch would report it
      stop_allocating();
    }
  }

  // Where capture_end() has not come to it: both allocators, of the device and of page-locked
  // memory, would otherwise go on recording and refuse the next capture.
  void stop_allocating() {
    namespace allocator = c10::cuda::CUDACachingAllocator;
    const auto quietly = [](const auto& release) {
      try {
        release();
      } catch (const c10::Error&) {
      }
    };
    quietly([&] {
      allocator::endAllocateToPool(device_.index(), pool_);
      allocator::releasePool(device_.index(), pool_);
    });
    quietly([&] {
      at::HostAllocator* host = at::getHostAllocator(at::kCUDA);
      host->end_allocate_to_pool(pool_);
      host->release_pool(pool_);
    });
    // A pool of page-locked memory that was given back takes no second capture.
    pool_ = at::cuda::graph_pool_handle();
  }

  c10::Device device_;
  c10::cuda::CUDAStream stream_;
  c10::MempoolId_t pool_;
  c10::cuda::CUDAStreamGuard guard_;
};

}  // namespace

std::unique_ptr<DeviceQueue> make_cuda_queue(c10::Device device) {
  return std::make_unique<CudaQueue>(device);
}

#else

std::unique_ptr<DeviceQueue> make_cuda_queue(c10::Device device) {
  HGNN_MOE_ASSERT(false, "{} in a build without CUDA", device.str());
}

#endif

}  // namespace hgnn_moe::ops
