// A function of many tokens, computed for some of them at a time, so that what it needs in between
// never exists for all.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/config/train_config.h"

namespace hgnn_moe {

// tokens: tensors whose first dimension is the token; shared: the others that it depends on.
// Returns a tensor whose first dimension is the token. Every tensor that needs a gradient must come
// in as one of them.
using TokenFunction = std::function<at::Tensor(const std::vector<at::Tensor>& tokens,
                                               const std::vector<at::Tensor>& shared)>;

// f over all tokens. With 0 < chunk < N, at least kSmallestCouplerChunk, it is called for at most
// `chunk` tokens at a time, keeps nothing for the backward pass but its inputs, and is called again
// there, chunk by chunk. The result and the gradients of `tokens` are those of one call where f
// treats tokens apart; the gradients of `shared` are summed over chunks, in order.
at::Tensor run_in_chunks(const TokenFunction& f, const std::vector<at::Tensor>& tokens,
                         const std::vector<at::Tensor>& shared, std::int64_t chunk);

}  // namespace hgnn_moe
