#include "cpu_launch.h"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

constexpr std::int64_t kElementsAtOnce = 16384;
// More than the share of a last-level cache that a process can hope for.
constexpr std::int64_t kLargestCacheBytes = 64 << 20;

}  // namespace

bool has_kernel_type(at::ScalarType type) {
  return type == at::kFloat || type == at::kDouble || type == at::kBFloat16;
}

bool has_cpu_kernel(const at::Tensor& x) { return x.is_cpu() && has_kernel_type(x.scalar_type()); }

at::ScalarType weight_type(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

KernelType kernel_type(const at::Tensor& x) {
  HGNN_MOE_ASSERT(has_cpu_kernel(x), "no CPU kernel for {}", c10::toString(x.scalar_type()));
  if (x.scalar_type() == at::kDouble) return KernelType::float64;
  return x.scalar_type() == at::kFloat ? KernelType::float32 : KernelType::bfloat16;
}

std::int64_t tokens_at_once(std::int64_t experts, std::int64_t dim) {
  return std::max<std::int64_t>(1, kElementsAtOnce / std::max<std::int64_t>(1, experts * dim));
}

bool exceeds_caches(std::int64_t bytes) { return bytes > kLargestCacheBytes; }

at::Tensor sum_in_order(const at::Tensor& chunks) {
  const std::int64_t count = chunks.size(0);
  const at::Tensor out = at::empty(chunks.sizes().slice(1), chunks.options());
  const std::int64_t size = out.numel();
  AT_DISPATCH_FLOATING_TYPES(chunks.scalar_type(), "sum_in_order", [&] {
    const scalar_t* in = chunks.const_data_ptr<scalar_t>();
    scalar_t* result = out.mutable_data_ptr<scalar_t>();
    const std::int64_t grain = std::max<std::int64_t>(1, kElementsAtOnce / (count + 1));
    at::parallel_for(0, size, grain, [&](std::int64_t begin, std::int64_t end) {
      std::vector<double> sum(static_cast<std::size_t>(end - begin), 0.0);
      for (std::int64_t c = 0; c < count; ++c) {
        for (std::int64_t i = begin; i < end; ++i) sum[i - begin] += in[c * size + i];
      }
      std::copy(sum.begin(), sum.end(), result + begin);
    });
  });
  return out;
}

}  // namespace hgnn_moe::ops
