#include <algorithm>
#include <type_traits>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>

#include "counter_dropout_kernels.h"

#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::ops {

namespace {

constexpr int kThreads = 256;

// One thread draws one block of four words, hence four neighbouring features of a row. 64-bit
// indices throughout: attention probabilities pass 2^31 elements at ordinary sizes.
template <typename Scalar, typename Compute>
__global__ void counter_dropout_kernel(const Scalar* x, Scalar* out, const std::int64_t* samples,
                                       const std::int64_t* first_positions, DropoutShape shape,
                                       const std::uint64_t* key, std::uint32_t threshold,
                                       Compute scale) {
  const std::int64_t blocks = (shape.features + 3) / 4;
  const std::int64_t total = shape.batch * shape.heads * shape.positions * blocks;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < total;
       i += stride) {
    const std::int64_t block = i % blocks;
    const std::int64_t row = i / blocks;
    const std::int64_t a = row / shape.positions % shape.heads;
    const std::int64_t b = row / shape.positions / shape.heads;
    const std::int64_t first = first_positions == nullptr ? 0 : first_positions[b];
    const std::int64_t t = first + row % shape.positions;
    const PhiloxBlock words = philox(
        *key, PhiloxBlock{{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(t),
                           static_cast<std::uint32_t>(samples[b]), static_cast<std::uint32_t>(a)}});
    for (int w = 0; w < 4 && 4 * block + w < shape.features; ++w) {
      const std::int64_t element = row * shape.features + 4 * block + w;
      out[element] = words.v[w] >= threshold
                         ? static_cast<Scalar>(static_cast<Compute>(x[element]) * scale)
                         : Scalar(0);
    }
  }
}

}  // namespace

void counter_dropout_cuda(const at::Tensor& x, const DropoutStream& stream, const DropoutRows& rows,
                          const DropoutShape& shape, at::Tensor& out) {
  const c10::cuda::CUDAGuard guard(x.device());
  const std::int64_t total =
      shape.batch * shape.heads * shape.positions * ((shape.features + 3) / 4);
  if (total == 0) return;
  const auto grid =
      static_cast<unsigned>(std::min<std::int64_t>((total + kThreads - 1) / kThreads, 1 << 16));
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kBFloat16, at::kHalf, x.scalar_type(), "counter_dropout_cuda", [&] {
        using Compute = std::conditional_t<std::is_same_v<scalar_t, double>, double, float>;
        counter_dropout_kernel<scalar_t, Compute>
            <<<grid, kThreads, 0, at::cuda::getCurrentCUDAStream()>>>(
                x.const_data_ptr<scalar_t>(), out.mutable_data_ptr<scalar_t>(), rows.samples(),
                rows.first_positions(), shape, key_pointer(stream.key),
                dropout_threshold(stream.rate), static_cast<Compute>(1.0 / (1.0 - stream.rate)));
        C10_CUDA_KERNEL_LAUNCH_CHECK();
      });
}

}  // namespace hgnn_moe::ops
