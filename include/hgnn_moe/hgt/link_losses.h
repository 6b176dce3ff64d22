// Losses of link prediction, and of nodes that should lie close to each other.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/config/hgt_config.h"

namespace hgnn_moe::hgt {

// The sum over B targets of a loss between the score of each and those of its C candidates, of
// which known_BC (bool) marks those that are no negatives. With s the target's score and n_j those
// of its negatives:
//
//   bce       -log sigmoid(s) - mean_j log sigmoid(-n_j); a target without negatives has the first
//             term alone
//   softmax   -log(exp(s) / (exp(s) + sum_j exp(n_j)))
at::Tensor link_loss(HgtLoss kind, const at::Tensor& targets_B, const at::Tensor& scores_BC,
                     const at::Tensor& known_BC);

// InfoNCE (van den Oord et al., "Representation learning with contrastive predictive coding", 2018)
// over cosines, as the sum over A anchors. With c the cosine to the anchor divided by
// `temperature`:
//
//   -log(exp(c_partner) / (exp(c_partner) + sum_j exp(c_j)))
//
// where j runs over candidates [C, F] that related_AC (bool) does not mark. anchors and partners
// are int64 [A], rows of the candidates.
at::Tensor contrast_loss(const at::Tensor& candidates_CF, const at::Tensor& anchors_A,
                         const at::Tensor& partners_A, const at::Tensor& related_AC,
                         double temperature);

}  // namespace hgnn_moe::hgt
