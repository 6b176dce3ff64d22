// The matrix products of all experts of a layer: y_ne = W_e x_ne. Rows of an expert stand E apart
// in memory, which the products step over, so nothing is copied.
#pragma once

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// x_NEI [N, E, I], weight_EOI [E, O, I], one type; returns [N, E, O].
at::Tensor expert_products(const at::Tensor& x_NEI, const at::Tensor& weight_EOI);

// The gradient of x: d_y_NEO [N, E, O] to [N, E, I].
at::Tensor expert_products_input_gradient(const at::Tensor& d_y_NEO, const at::Tensor& weight_EOI);

// The gradient of the weights, [E, O, I] of type `type`, as wide_product.h has it: on a CPU rounded
// to that of x first. Sums over tokens in the order of the matrix product.
at::Tensor expert_products_weight_gradient(const at::Tensor& d_y_NEO, const at::Tensor& x_NEI,
                                           at::ScalarType type);

// What a GPU does: all experts in one product. weight_EIO [E, I, O].
at::Tensor batched_expert_products(const at::Tensor& x_NEI, const at::Tensor& weight_EIO);
at::Tensor batched_expert_weight_gradient(const at::Tensor& d_y_NEO, const at::Tensor& x_NEI,
                                          at::ScalarType type);

}  // namespace hgnn_moe::ops
