// Launchers of counter_dropout: plain pointers and sizes, contiguous [B, A, T, F].
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/counter_dropout.h"

namespace hgnn_moe::ops {

struct DropoutShape {
  std::int64_t batch, heads, positions, features;
};

// Words below the threshold are dropped.
inline std::uint32_t dropout_threshold(double rate) {
  return static_cast<std::uint32_t>(std::floor(rate * 4294967296.0));
}

// The keys of dropout_keys() in memory: signed and unsigned integers may alias.
inline const std::uint64_t* key_pointer(const at::Tensor& keys) {
  return reinterpret_cast<const std::uint64_t*>(keys.const_data_ptr<std::int64_t>());
}

// Which counters the rows of [B, A, T, F] have, see counter_dropout.
struct DropoutRows {
  at::Tensor samples_B, first_positions_B;  // the latter may be undefined

  const std::int64_t* samples() const { return samples_B.const_data_ptr<std::int64_t>(); }
  // Or null.
  const std::int64_t* first_positions() const {
    return first_positions_B.defined() ? first_positions_B.const_data_ptr<std::int64_t>() : nullptr;
  }
};

// [..., 4] int64: the words of philox(key, counter) in plain ATen, for a key of one element and
// counters of int64 tensors that broadcast against each other.
at::Tensor philox_words(const at::Tensor& key, const std::array<at::Tensor, 4>& counter);

// out = x masked and scaled; x and out may be the same tensor.
void counter_dropout_cpu(const at::Tensor& x, const DropoutStream& stream, const DropoutRows& rows,
                         const DropoutShape& shape, at::Tensor& out);
void counter_dropout_cuda(const at::Tensor& x, const DropoutStream& stream, const DropoutRows& rows,
                          const DropoutShape& shape, at::Tensor& out);

}  // namespace hgnn_moe::ops
