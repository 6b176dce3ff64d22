#include "hgnn_moe/ops/folded_projection.h"

#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "expert_block_kernels.h"

#include "hgnn_moe/ops/fused_experts.h"

namespace hgnn_moe::ops {

namespace {

std::vector<std::int64_t> versions_of(const ExpertWeights& w) {
  std::vector<std::int64_t> versions;
  for (const ExpertParameter* parameter :
       {&w.qkv_weight, &w.qkv_bias, &w.norm1_weight, &w.norm1_bias}) {
    for (const at::Tensor& leaf : parameter->experts) versions.push_back(leaf._version());
  }
  return versions;
}

}  // namespace

at::Tensor fold_norm_weight(const at::Tensor& weight_E3DD, const at::Tensor& gamma_ED,
                            at::ScalarType type) {
  at::Tensor folded_E3DD = at::empty(weight_E3DD.sizes(), weight_E3DD.options().dtype(type));
  scale_columns(weight_E3DD, gamma_ED, folded_E3DD);
  return folded_E3DD.flatten(0, 1);
}

FoldedProjection fold_projection(const ExpertWeights& w, at::ScalarType type) {
  const c10::NoGradGuard no_grad;
  const at::Tensor &weight_E3DD = w.qkv_weight.all, &beta_ED = w.norm1_bias.all;
  const at::Tensor bias_E3D =
      w.qkv_bias.all + at::bmm(weight_E3DD, beta_ED.unsqueeze(2)).squeeze(2);
  return {fold_norm_weight(weight_E3DD, w.norm1_weight.all, type), bias_E3D.flatten().to(type)};
}

const FoldedProjection& KeptProjection::get(const ExpertWeights& weights, at::ScalarType type) {
  std::vector<std::int64_t> versions = versions_of(weights);
  if (!folded_.weight_MD.defined() || folded_.weight_MD.scalar_type() != type ||
      versions != versions_) {
    folded_ = fold_projection(weights, type);
    versions_ = std::move(versions);
  }
  return folded_;
}

}  // namespace hgnn_moe::ops
