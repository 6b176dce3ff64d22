// Lists of the host in the memory of a device.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

namespace hgnn_moe::ops {

// A tensor of int64 for each list. All get there in one copy, which the host does not wait for.
std::vector<at::Tensor> copy_together(
    std::initializer_list<std::reference_wrapper<const std::vector<std::int64_t>>> lists,
    c10::Device device);

}  // namespace hgnn_moe::ops
