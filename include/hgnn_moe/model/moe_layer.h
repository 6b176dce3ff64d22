// One layer of the model: E experts on the same input and their coupler.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "hgnn_moe/model/coupler.h"
#include "hgnn_moe/model/expert.h"

namespace hgnn_moe {

// x <- x + coupler(experts(x)); without a coupler x <- mean over experts, no outer residual.
class MoeLayer {
 public:
  MoeLayer(ParameterStore& store, const ModelConfig& config, std::int64_t layer,
           const CouplerExecution& execution);

  // x_BTD [B, T, D] to [B, T, D].
  at::Tensor forward(const at::Tensor& x_BTD, const ForwardContext& context) const;

  const Coupler* coupler() const { return coupler_.get(); }  // null for CouplerType::none

 private:
  // [B, T, E, D], the experts' outputs side by side.
  at::Tensor run_experts(const at::Tensor& x_BTD, const ForwardContext& context) const;

  std::vector<Expert> experts_;
  std::unique_ptr<Coupler> coupler_;
};

}  // namespace hgnn_moe
