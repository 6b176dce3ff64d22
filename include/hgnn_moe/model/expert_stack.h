// The experts of a layer, all on the same input.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hgnn_moe/model/expert.h"
#include "hgnn_moe/ops/fused_experts.h"

namespace hgnn_moe {

class ExpertStack {
 public:
  // `name` is the prefix of the parameters, e.g. "model_layers.0". On the fused path those of one
  // kind lie behind each other in memory, under their own names as ever.
  ExpertStack(ParameterStore& store, const std::string& name, const ModelConfig& config,
              std::int64_t layer, ExpertPath path);

  // x_ND [N, D], the tokens of `samples`; returns their outputs side by side, [N, E, D].
  at::Tensor forward(const at::Tensor& x_ND, const ops::PackedSamples& samples,
                     const ForwardContext& context) const;

 private:
  // One expert after the other, on padded samples.
  at::Tensor one_by_one(const at::Tensor& x_ND, const ops::PackedSamples& samples,
                        const ForwardContext& context) const;

  std::int64_t layer_, num_heads_;
  Precision precision_;
  ExpertPath path_;
  std::vector<Expert> experts_;
  ops::ExpertWeights weights_;  // of the fused path
};

}  // namespace hgnn_moe
