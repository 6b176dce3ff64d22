// Losses of link prediction, and of nodes that should lie close to each other.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/config/hgt_config.h"

namespace hgnn_moe::hgt {

// What the C candidates of B targets are, bool [B, C] each: those that have no part in the loss,
// and those that are targets, too. The others are negatives.
struct CandidateMarks {
  at::Tensor left_out_BC;
  at::Tensor targets_BC;  // none of those left out
};

// The sum over B targets of a loss between the score of each and those of its candidates. With t_k
// the scores of the target and of the candidates that are targets, and n_j those of its negatives:
//
//   bce       -mean_k log sigmoid(t_k) - mean_j log sigmoid(-n_j); a target without negatives has
//             the first term alone
//   softmax   -mean_k log(exp(t_k) / (sum_k exp(t_k) + sum_j exp(n_j)))
//
// With all true ends among the targets this is the loss of KvsAll (Dettmers et al., AAAI 2018,
// arXiv 1707.01476; Ruffinelli et al., ICLR 2020).
at::Tensor link_loss(HgtLoss kind, const at::Tensor& targets_B, const at::Tensor& scores_BC,
                     const CandidateMarks& marks);

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
