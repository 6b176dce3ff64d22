// One pass over the rows of linear_cross_entropy, of whose logits a chunk at a time exists.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/linear_cross_entropy.h"

namespace hgnn_moe::ops {

// What a pass leaves; the gradients are those of the scaled sum of the losses.
struct CrossEntropyPass {
  at::Tensor losses_K;
  at::Tensor d_hidden_KD, d_weight_VD, d_bias_V;  // undefined without gradients
};

// W in the type of products, without a gradient.
at::Tensor weight_of_products(const LinearCrossEntropyInputs& in);

// On a CPU with PyTorch's softmax, in a buffer beside that of the logits ...
CrossEntropyPass cross_entropy_pass(const LinearCrossEntropyInputs& in, double scale,
                                    bool gradients);
// ... and on a GPU as this does, with cross_entropy_rows, in the logits' own memory.
CrossEntropyPass cross_entropy_by_rows(const LinearCrossEntropyInputs& in, double scale,
                                       bool gradients);

}  // namespace hgnn_moe::ops
