#include "hgnn_moe/ops/copy_together.h"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>

namespace hgnn_moe::ops {

std::vector<at::Tensor> copy_together(
    std::initializer_list<std::reference_wrapper<const std::vector<std::int64_t>>> lists,
    c10::Device device) {
  std::vector<std::int64_t> sizes;
  for (const std::vector<std::int64_t>& list : lists) {
    sizes.push_back(static_cast<std::int64_t>(list.size()));
  }
  const std::int64_t total = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
  // A copy from page-locked memory runs behind the host's back; the allocator keeps the memory
  // until it is done.
  const at::Tensor host =
      at::empty({total}, at::TensorOptions(at::kLong).pinned_memory(device.is_cuda()));
  auto* next = host.mutable_data_ptr<std::int64_t>();
  for (const std::vector<std::int64_t>& list : lists) {
    next = std::copy(list.begin(), list.end(), next);
  }
  return host.to(device, at::kLong, /*non_blocking=*/true).split_with_sizes(sizes);
}

}  // namespace hgnn_moe::ops
