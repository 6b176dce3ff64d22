// One layer of the model: E experts on the same input and their coupler.
#pragma once

#include <cstdint>
#include <memory>

#include "hgnn_moe/model/coupler.h"
#include "hgnn_moe/model/expert_stack.h"
#include "hgnn_moe/model/forward_context.h"

namespace hgnn_moe {

// x <- x + coupler(experts(x)); without a coupler x <- mean over experts, no outer residual.
class MoeLayer {
 public:
  MoeLayer(ParameterStore& store, const ModelConfig& config, std::int64_t layer,
           const Execution& execution);

  // x_ND [N, D] to [N, D], the tokens of `samples`.
  at::Tensor forward(const at::Tensor& x_ND, const ops::PackedSamples& samples,
                     const ForwardContext& context) const;

  const Coupler* coupler() const { return coupler_.get(); }  // null for CouplerType::none

 private:
  std::int64_t layer_;
  ExpertStack experts_;
  std::unique_ptr<Coupler> coupler_;
};

}  // namespace hgnn_moe
