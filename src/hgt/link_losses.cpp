#include "hgnn_moe/hgt/link_losses.h"

#include <limits>

#include <ATen/ATen.h>

namespace hgnn_moe::hgt {

namespace {

// Cross entropy of the target among itself and its negatives.
at::Tensor softmax_loss(const at::Tensor& targets_B, const at::Tensor& scores_BC,
                        const at::Tensor& known_BC) {
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  const at::Tensor all =
      at::cat({targets_B.unsqueeze(1), scores_BC.masked_fill(known_BC, kNever)}, 1);
  return (all.logsumexp(1) - targets_B).sum();
}

at::Tensor bce_loss(const at::Tensor& targets_B, const at::Tensor& scores_BC,
                    const at::Tensor& known_BC) {
  const at::Tensor negatives_B = known_BC.logical_not().sum(1).clamp_min(1);
  const at::Tensor losses_BC = at::softplus(scores_BC).masked_fill(known_BC, 0.0);
  return (at::softplus(-targets_B) + losses_BC.sum(1) / negatives_B).sum();
}

}  // namespace

at::Tensor link_loss(HgtLoss kind, const at::Tensor& targets_B, const at::Tensor& scores_BC,
                     const at::Tensor& known_BC) {
  return kind == HgtLoss::softmax ? softmax_loss(targets_B, scores_BC, known_BC)
                                  : bce_loss(targets_B, scores_BC, known_BC);
}

at::Tensor contrast_loss(const at::Tensor& candidates_CF, const at::Tensor& anchors_A,
                         const at::Tensor& partners_A, const at::Tensor& related_AC,
                         double temperature) {
  // The epsilon of torch.nn.functional.normalize: a vector of zeros has cosine 0 with all.
  const at::Tensor unit_CF =
      candidates_CF / candidates_CF.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-12);
  const at::Tensor cosines_AC =
      at::mm(unit_CF.index_select(0, anchors_A), unit_CF.t()) / temperature;
  const at::Tensor partner_A = cosines_AC.gather(1, partners_A.unsqueeze(1)).squeeze(1);
  return softmax_loss(partner_A, cosines_AC, related_AC);
}

}  // namespace hgnn_moe::hgt
