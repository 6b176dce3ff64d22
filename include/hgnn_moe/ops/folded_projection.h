// The projections of all experts to queries, keys and values with norm1's weight and bias in them.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

struct ExpertWeights;

// W_e (xhat * gamma_e + beta_e) + b_e = (W_e gamma_e) xhat + (W_e beta_e + b_e): one product for
// all experts, M = 3 D E.
struct FoldedProjection {
  at::Tensor weight_MD, bias_M;
};

// Computed in the weights' type and then rounded to `type`.
FoldedProjection fold_projection(const ExpertWeights& weights, at::ScalarType type);

// W_e gamma_e of all experts alone, [3 D E, D].
at::Tensor fold_norm_weight(const at::Tensor& weight_E3DD, const at::Tensor& gamma_ED,
                            at::ScalarType type);

// Keeps the folded projection of one layer until one of its weights is written (see RoundedWeight).
class KeptProjection {
 public:
  const FoldedProjection& get(const ExpertWeights& weights, at::ScalarType type);

 private:
  FoldedProjection folded_;
  std::vector<std::int64_t> versions_;
};

}  // namespace hgnn_moe::ops
