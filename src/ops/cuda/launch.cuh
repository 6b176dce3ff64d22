// Runs a body of block.h on a GPU: one launch for all tokens.
#pragma once

#include <ATen/cuda/CUDAContext.h>
#include <c10/core/ScalarType.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/util/Exception.h>

#include "block.h"
#include "scalar_type.h"
#include "tiles.h"

namespace hgnn_moe::ops::cuda {

// Blocks of a chunk of tokens. Depends on the shape alone, so that sums over chunks do too.
struct Blocks {
  std::int64_t chunk, count;
};

inline Blocks blocks_of(std::int64_t tokens, std::int64_t chunk) {
  return {chunk, (tokens + chunk - 1) / chunk};
}

template <typename Body>
__global__ void __launch_bounds__(kMaxThreads)
    run_body(const typename Body::Arguments arguments, std::int64_t tokens, std::int64_t chunk) {
  extern __shared__ __align__(16) unsigned char shared[];
  const Thread thread{static_cast<int>(threadIdx.x), static_cast<int>(blockDim.x)};
  const Body body(arguments, shared, thread.count);
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * chunk;
  const std::int64_t end = begin + chunk < tokens ? begin + chunk : tokens;
  const int finish_phases = body.finish_phases();
  for (std::int64_t n = begin; n < end; ++n) {
    const int phases = phases_of(body, n, 0);
    for (int phase = 0; phase < phases; ++phase) {
      body.run(phase, n, n == begin, thread);
      __syncthreads();
    }
  }
  for (int phase = 0; phase < finish_phases; ++phase) {
    body.finish(phase, blockIdx.x, thread);
    __syncthreads();
  }
}

template <typename Body>
void launch(const typename Body::Arguments& arguments, std::int64_t tokens, const Blocks& blocks,
            int threads) {
  if (tokens == 0) return;
  const auto bytes = static_cast<int>(Body::shared_elements(arguments, threads) *
                                      static_cast<std::int64_t>(sizeof(typename Body::Compute)));
  const auto kernel = run_body<Body>;
  if (bytes > 48 * 1024) {
    // More than this has to be asked for; a device that lacks it says so here.
    C10_CUDA_CHECK(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
  }
  kernel<<<static_cast<unsigned>(blocks.count), threads, bytes, at::cuda::getCurrentCUDAStream()>>>(
      arguments, tokens, blocks.chunk);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

// What row_launch.h asks for, on a device that stays the current one as long.
class GpuLauncher {
 public:
  explicit GpuLauncher(c10::Device device) : guard_(device) {}

  template <typename Body>
  void run(const typename Body::Arguments& arguments, std::int64_t units, std::int64_t chunk,
           int threads) {
    launch<Body>(arguments, units, blocks_of(units, chunk), threads);
  }

 private:
  c10::cuda::CUDAGuard guard_;
};

// Body<Scalar, tile, lanes> as with_tile chooses them for the arguments' experts and dim.
template <template <typename, int, int> class Body, typename Scalar, typename Arguments>
void launch_tiled(const Arguments& arguments, std::int64_t tokens, const Blocks& blocks,
                  bool aligned) {
  with_tile<Scalar>(arguments.experts, arguments.dim, aligned, [&](auto tile, auto lanes) {
    launch<Body<Scalar, tile(), lanes()>>(arguments, tokens, blocks,
                                          threads_for(arguments.dim, lanes()));
  });
}

}  // namespace hgnn_moe::ops::cuda
