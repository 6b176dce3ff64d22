// A function whose activations are not kept for the backward pass but computed there again.
#pragma once

#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hgnn_moe {

// f(x), keeping x alone; the backward pass calls f again and differentiates that. f must compute
// the same both times and depend on nothing that needs a gradient but x and `parameters`, leaves of
// the graph. Gradients are those of f, to the bit.
at::Tensor recomputed(const std::function<at::Tensor(const at::Tensor& x)>& f, const at::Tensor& x,
                      const std::vector<at::Tensor>& parameters);

}  // namespace hgnn_moe
