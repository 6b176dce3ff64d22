#include <limits>

#include <ATen/ATen.h>

#include "hgnn_moe/ops/hypergraph_conv.h"

namespace hgnn_moe::ops {

namespace {

// One token: z_ED are its projected expert vectors, w_M its weights.
at::Tensor pass_messages(const at::Tensor& z_ED, const at::Tensor& incidence_EM,
                         const at::Tensor& w_M, Weighting weighting) {
  const double noise =
      8 * (w_M.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                            : std::numeric_limits<float>::epsilon());
  std::vector<at::Tensor> hyperedge_features;
  for (std::int64_t m = 0; m < incidence_EM.size(1); ++m) {
    at::Tensor sum = at::zeros_like(z_ED[0]);
    std::int64_t size = 0;
    for (std::int64_t i = 0; i < z_ED.size(0); ++i) {
      if (incidence_EM[i][m].item<double>() == 0.0) continue;
      sum = sum + z_ED[i];
      ++size;
    }
    if (size > 0) sum = sum / size;
    hyperedge_features.push_back(weighting == Weighting::paper ? sum * w_M[m] : sum);
  }
  std::vector<at::Tensor> rows;
  for (std::int64_t i = 0; i < z_ED.size(0); ++i) {
    at::Tensor sum = at::zeros_like(z_ED[i]);
    at::Tensor degree = at::zeros({}, w_M.options());
    double magnitude = 0.0;
    for (std::int64_t m = 0; m < incidence_EM.size(1); ++m) {
      if (incidence_EM[i][m].item<double>() == 0.0) continue;
      sum = sum + hyperedge_features[m];
      degree = degree + w_M[m];
      magnitude += std::abs(w_M[m].item<double>());
    }
    const bool cancelled = std::abs(degree.item<double>()) <= noise * magnitude;
    rows.push_back(cancelled ? at::zeros_like(sum) : sum / degree);
  }
  return at::stack(rows);
}

}  // namespace

at::Tensor hypergraph_conv_reference(const at::Tensor& x_NED, const at::Tensor& incidence_EM,
                                     const at::Tensor& weights, Weighting weighting,
                                     const at::Tensor& theta_DD, const at::Tensor& bias_D) {
  std::vector<at::Tensor> tokens;
  for (std::int64_t n = 0; n < x_NED.size(0); ++n) {
    const at::Tensor z_ED = at::mm(x_NED[n], theta_DD.t());
    const at::Tensor w_M = weights.dim() == 2 ? weights[n] : weights;
    tokens.push_back(pass_messages(z_ED, incidence_EM, w_M, weighting) + bias_D);
  }
  return tokens.empty() ? at::zeros_like(x_NED) : at::stack(tokens);
}

}  // namespace hgnn_moe::ops
