// How bodies that go row by row are launched: everything but the launch itself, which is run_body
// on a GPU and launch_on_host in tests. A launcher has
//   template <typename Body>
//   void run(const typename Body::Arguments&, std::int64_t units, std::int64_t chunk, int threads);
#pragma once

#include <algorithm>
#include <initializer_list>

#include <ATen/core/Tensor.h>

#include "row_sums.h"
#include "scalar_type.h"
#include "tiles.h"

namespace hgnn_moe::ops::cuda {

// Rows of a block where nothing is summed over them.
inline constexpr std::int64_t kRowsOfBlock = 4;

// Tokens of a block that sums over them; some hundred blocks an expert keep a GPU busy, and their
// sums are little beside what they have read.
inline std::int64_t tokens_of_block(std::int64_t tokens) {
  return std::max<std::int64_t>(8, (tokens + 255) / 256);
}

// Of rows as short as a sample: a warp where that has a thread for every pack.
inline int threads_for_row(std::int64_t columns, int lanes) {
  return columns <= 32 * lanes ? 32 : threads_for(columns, lanes);
}

// Calls f with the lanes that serve rows of `dim` columns in these tensors. float64 is for tests
// and references and goes element by element.
template <typename Scalar, typename F>
void with_lanes(std::int64_t dim, std::initializer_list<at::Tensor> tensors, F f) {
  const bool aligned = std::all_of(tensors.begin(), tensors.end(), [](const at::Tensor& tensor) {
    return !tensor.defined() || is_aligned(tensor.const_data_ptr());
  });
  if (sizeof(Scalar) < 8 && aligned && dim % 4 == 0) return f(std::integral_constant<int, 4>{});
  f(std::integral_constant<int, 1>{});
}

template <typename T>
const T* pointer(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<const T*>(tensor.const_data_ptr()) : nullptr;
}
template <typename T>
T* mutable_pointer(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.mutable_data_ptr()) : nullptr;
}

// blocks [E, C, ...] summed over C in float64, in the same order every time.
inline at::Tensor sum_over_blocks(const at::Tensor& blocks) {
  return blocks.sum(1, /*keepdim=*/false, at::kDouble);
}

}  // namespace hgnn_moe::ops::cuda
