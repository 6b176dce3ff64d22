// G linear hypergraph convolutions followed by the mean over experts, as one weighted mean.
#pragma once

#include <cstdint>
#include <vector>

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

struct CollapsedLayers {
  std::vector<at::Tensor> thetas_DD, biases_D;  // Theta_1 ... Theta_G, b_1 ... b_G
  at::Tensor out_weight_DD, out_bias_D;         // of a Linear behind the mean; both or neither
};

// The mean over experts of G layers, through the Linear where there is one: [N, D]. x_NED
// [N, E, D], mixing [E, E] or [N, E, E]. The products are computed in `product_type`; with more
// tokens than features the weights are multiplied with each other first, which takes fewer
// operations. Differentiable in every tensor.
at::Tensor collapsed_hypergraph(const at::Tensor& x_NED, const at::Tensor& mixing,
                                const CollapsedLayers& layers, at::ScalarType product_type);

}  // namespace hgnn_moe::ops
