// What can be said of the experts of a layer in a few numbers, see docs/diagnostics.md. All is
// computed in float64; results are on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

namespace hgnn_moe {

// experts_NED [N, E, D] to [E]: the mean over tokens of the 2-norm of each expert's output.
at::Tensor expert_norms(const at::Tensor& experts_NED);

// experts_NED [N, E, D] to [E, E]: the linear centred kernel alignment of every two
// experts over the tokens (Kornblith, Norouzi, Lee, Hinton 2019, arXiv 1905.00414). With
// X and Y of [N, D], their columns centred,
//
//   CKA(X, Y) = |Y^T X|^2 / (|X^T X| |Y^T Y|), norms of Frobenius,
//
// from 0 to 1: 1 where one is the other turned, scaled and shifted. NaN for an expert whose output
// is the same for all tokens, as it is for a single one.
at::Tensor linear_cka(const at::Tensor& experts_NED);

// The Dirichlet energy of features x_NED [N, E, D] on a graph over the experts, summed over tokens
// and divided by their squared norm. With A_ij = (|M_ij| + |M_ji|) / 2, i != j, of the mixing
// matrix M [E, E], and d_i = sum_j A_ij (Cai and Wang 2020, arXiv 2006.13318):
//
//   1/2 sum_ij A_ij | x_i / sqrt(1 + d_i) - x_j / sqrt(1 + d_j) |^2 / sum_i |x_i|^2,
//
// from 0, where the experts say the same but for their degrees, to below 2. NaN where x is 0.
double dirichlet_energy(const at::Tensor& x_NED, const at::Tensor& mixing_EE);

// A mixing matrix [E, E] divided by the largest modulus of its eigenvalues, on the CPU; as it is
// where that is 0 or an entry is not finite. A scale that all hyperedge weights have in common
// scales the mixing and nothing else: the layer's matrix can undo it, and so it says nothing of who
// is mixed with whom.
at::Tensor relative_mixing(const at::Tensor& mixing_EE);

// The second largest of the moduli of a matrix's eigenvalues; NaN where an entry is not finite. E
// is at least 2.
double second_eigenvalue(const at::Tensor& mixing_EE);

}  // namespace hgnn_moe
