#include "hgnn_moe/hgt/link_losses.h"

#include <limits>

#include <ATen/ATen.h>

namespace hgnn_moe::hgt {

namespace {

// Log sum exp of the target and the candidates that are not left out.
at::Tensor log_sum_exp(const at::Tensor& targets_B, const at::Tensor& scores_BC,
                       const at::Tensor& left_out_BC) {
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  return at::cat({targets_B.unsqueeze(1), scores_BC.masked_fill(left_out_BC, kNever)}, 1)
      .logsumexp(1);
}

// The mean of a value of the target and of those of the candidates that are targets, too.
at::Tensor mean_of_targets(const at::Tensor& values_B, const at::Tensor& values_BC,
                           const at::Tensor& targets_BC) {
  const at::Tensor sum_B = values_B + values_BC.masked_fill(targets_BC.logical_not(), 0.0).sum(1);
  return sum_B / (1 + targets_BC.sum(1));
}

at::Tensor bce_loss(const at::Tensor& targets_B, const at::Tensor& scores_BC,
                    const CandidateMarks& marks) {
  const at::Tensor others_BC = marks.left_out_BC.logical_or(marks.targets_BC);
  const at::Tensor negatives_B = others_BC.logical_not().sum(1).clamp_min(1);
  const at::Tensor losses_BC = at::softplus(scores_BC).masked_fill(others_BC, 0.0);
  const at::Tensor of_targets_B =
      mean_of_targets(at::softplus(-targets_B), at::softplus(-scores_BC), marks.targets_BC);
  return (of_targets_B + losses_BC.sum(1) / negatives_B).sum();
}

}  // namespace

at::Tensor link_loss(HgtLoss kind, const at::Tensor& targets_B, const at::Tensor& scores_BC,
                     const CandidateMarks& marks) {
  if (kind == HgtLoss::bce) return bce_loss(targets_B, scores_BC, marks);
  return (log_sum_exp(targets_B, scores_BC, marks.left_out_BC) -
          mean_of_targets(targets_B, scores_BC, marks.targets_BC))
      .sum();
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
  return (log_sum_exp(partner_A, cosines_AC, related_AC) - partner_A).sum();
}

}  // namespace hgnn_moe::hgt
