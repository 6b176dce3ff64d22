// Weights in the narrower type of matrix products, rounded once an update instead of in each pass.
#pragma once

#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// The values of one weight in a narrower type. They are made when first asked for and made again
// when the weight was written since, which its version counter (Tensor::_version) tells: PyTorch's
// operations in place and adamw count, writing through a bare pointer does not. Not for use by
// several threads at once.
class RoundedWeight {
 public:
  explicit RoundedWeight(at::Tensor weight) : weight_(std::move(weight)) {}

  // The weight in `type`, the same in every call; without a gradient.
  const at::Tensor& values(at::ScalarType type);

  // Keeps them in `memory`, of the weight's shape, from now on.
  void keep_in(at::Tensor memory);

  // What an update of the weight has to write too, and then mark as current; undefined where there
  // are no current values.
  at::Tensor to_update() const;
  void mark_as_current();

 private:
  at::Tensor weight_;
  at::Tensor values_;
  std::int64_t version_ = -1;  // of the weight when the values were made
};

using RoundedWeightPtr = std::shared_ptr<RoundedWeight>;

// `weight` in `type`: itself where it has that type, else rounded, with the values of `rounded`
// unless that is null. `weight` is what `rounded` was made of, or an alias of it. Differentiable in
// `weight`.
at::Tensor in_type(const at::Tensor& weight, const RoundedWeightPtr& rounded, at::ScalarType type);

}  // namespace hgnn_moe::ops
