// G linear hypergraph convolutions followed by the mean over experts, as one weighted mean.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace hgnn_moe::ops {

// Without an activation between the layers
//   mean_e X^(G) = a_G X Theta_1^T ... Theta_G^T + sum_g c_g b_g Theta_{g+1}^T ... Theta_G^T
// with a_j = (1/E) 1^T P^j and c_g = sum(a_{G-g}): only one vector a token goes through the
// products instead of E.
struct CollapsedMixing {
  at::Tensor readout;      // a_G: [E], or [N, E] for a mixing per token
  at::Tensor bias_scales;  // c_1 ... c_G: [G] or [N, G]
};

// mixing P [E, E] or [N, E, E]. Differentiable in it.
CollapsedMixing collapse_mixing(const at::Tensor& mixing, std::int64_t num_layers);

}  // namespace hgnn_moe::ops
