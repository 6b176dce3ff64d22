// Numbers of nodes and relations as an index.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

namespace hgnn_moe::hgt {

// int64 [numbers] on the device.
inline at::Tensor index_tensor(const std::vector<std::int32_t>& numbers, at::Device device) {
  return at::tensor(numbers, at::kLong).to(device);
}

// Rows `numbers` of a table [N, F]: [numbers, F], on the table's device.
inline at::Tensor rows_of(const at::Tensor& table_NF, const std::vector<std::int32_t>& numbers) {
  return table_NF.index_select(0, index_tensor(numbers, table_NF.device()));
}

}  // namespace hgnn_moe::hgt
