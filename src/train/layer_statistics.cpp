#include "hgnn_moe/train/layer_statistics.h"

#include <limits>

#include <ATen/ATen.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

namespace {

// The moduli of the eigenvalues, the largest first; undefined where an entry is not finite, which
// LAPACK refuses.
at::Tensor eigenvalue_moduli(const at::Tensor& mixing_EE) {
  const at::Tensor host_EE = mixing_EE.to(at::kCPU, at::kDouble);
  if (!host_EE.isfinite().all().item<bool>()) return {};
  return std::get<0>(at::linalg_eigvals(host_EE).abs().sort(/*dim=*/0, /*descending=*/true));
}

}  // namespace

at::Tensor expert_norms(const at::Tensor& experts_NED) {
  return at::linalg_vector_norm(experts_NED.to(at::kDouble), 2, at::IntArrayRef{2}).mean(0).cpu();
}

// By the N x N matrices of inner products between tokens: |Y^T X|^2 is the inner product of X X^T
// and Y Y^T, so each expert is multiplied with itself alone.
at::Tensor linear_cka(const at::Tensor& experts_NED) {
  const at::Tensor x_END = experts_NED.to(at::kDouble).permute({1, 0, 2});
  const at::Tensor centred_END = x_END - x_END.mean(1, /*keepdim=*/true);
  const at::Tensor products_ENN = at::bmm(centred_END, centred_END.transpose(1, 2));
  const at::Tensor products_EK = products_ENN.flatten(1);
  const at::Tensor inner_EE = at::mm(products_EK, products_EK.t());
  const at::Tensor norms_E = inner_EE.diagonal().sqrt();
  return (inner_EE / (norms_E.unsqueeze(1) * norms_E)).cpu();
}

double dirichlet_energy(const at::Tensor& x_NED, const at::Tensor& mixing_EE) {
  const at::Tensor size_EE = mixing_EE.to(at::kCPU, at::kDouble).abs();
  const at::Tensor identity_EE = at::eye(size_EE.size(0), size_EE.options());
  const at::Tensor a_EE = (size_EE + size_EE.t()) / 2 * (1 - identity_EE);
  const at::Tensor root_E = a_EE.sum(1).add(1).rsqrt();
  const at::Tensor laplacian_EE = identity_EE - root_E.unsqueeze(1) * (a_EE + identity_EE) * root_E;
  // The sum over tokens of tr(X^T L X) needs no more of X than the experts' inner products.
  const at::Tensor x_EK = x_NED.to(at::kDouble).permute({1, 0, 2}).flatten(1);
  const at::Tensor inner_EE = at::mm(x_EK, x_EK.t()).cpu();
  return (laplacian_EE * inner_EE).sum().item<double>() / inner_EE.trace().item<double>();
}

at::Tensor relative_mixing(const at::Tensor& mixing_EE) {
  const at::Tensor moduli_E = eigenvalue_moduli(mixing_EE);
  const at::Tensor host_EE = mixing_EE.to(at::kCPU, at::kDouble);
  if (!moduli_E.defined() || moduli_E[0].item<double>() == 0) return host_EE;
  return host_EE / moduli_E[0];
}

double second_eigenvalue(const at::Tensor& mixing_EE) {
  HGNN_MOE_ASSERT(mixing_EE.size(0) > 1, "{} eigenvalues", mixing_EE.size(0));
  const at::Tensor moduli_E = eigenvalue_moduli(mixing_EE);
  return moduli_E.defined() ? moduli_E[1].item<double>() : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace hgnn_moe
