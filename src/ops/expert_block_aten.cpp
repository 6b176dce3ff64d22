#include <cmath>

#include <ATen/ATen.h>

#include "counter_dropout_kernels.h"
#include "expert_block_kernels.h"

namespace hgnn_moe::ops {

namespace {

struct Normalised {
  at::Tensor xhat, mean, reciprocal;  // [..., D], [..., 1], [..., 1]
};

Normalised normalise(const at::Tensor& x) {
  const at::Tensor mean = x.mean(-1, /*keepdim=*/true);
  const at::Tensor variance = (x - mean).square().mean(-1, /*keepdim=*/true);
  const at::Tensor reciprocal = (variance + kNormEpsilon).rsqrt();
  return {(x - mean) * reciprocal, mean, reciprocal};
}

void copy_statistics(const Normalised& from, NormStatistics& to) {
  to.mean.copy_(from.mean.squeeze(-1));
  to.reciprocal_deviation.copy_(from.reciprocal.squeeze(-1));
}

at::Tensor normalised(const at::Tensor& x, const NormStatistics& statistics) {
  return (x - statistics.mean.unsqueeze(-1)) * statistics.reciprocal_deviation.unsqueeze(-1);
}

// From the gradient of xhat to that of x.
at::Tensor norm_gradient_of(const at::Tensor& d_xhat, const at::Tensor& xhat,
                            const at::Tensor& reciprocal) {
  const at::Tensor mean_product = (d_xhat * xhat).mean(-1, /*keepdim=*/true);
  return reciprocal.unsqueeze(-1) *
         (d_xhat - d_xhat.mean(-1, /*keepdim=*/true) - xhat * mean_product);
}

// x [N, E, F] with the dropped elements zero and the others scaled.
at::Tensor drop(const at::Tensor& x_NEF, const ExpertDropout& dropout) {
  if (dropout.rate == 0.0) return x_NEF;
  const std::int64_t features = x_NEF.size(2);
  const at::Tensor blocks = at::arange((features + 3) / 4, dropout.positions_N.options());
  const at::Tensor positions_N1 = dropout.positions_N.unsqueeze(1);
  const at::Tensor samples_N1 = dropout.samples_N.unsqueeze(1);
  std::vector<at::Tensor> kept;
  for (std::int64_t e = 0; e < x_NEF.size(1); ++e) {
    const at::Tensor words_NF =
        philox_words(dropout.keys_E[e], {blocks, positions_N1, samples_N1, at::zeros_like(blocks)})
            .flatten(1)
            .narrow(1, 0, features);
    kept.push_back(words_NF >= static_cast<std::int64_t>(dropout_threshold(dropout.rate)));
  }
  return at::where(at::stack(kept, 1), x_NEF * (1.0 / (1.0 - dropout.rate)), 0.0);
}

// u + bias in the state's type.
at::Tensor with_bias(const at::Tensor& u, const at::Tensor& bias) {
  return u.to(bias.scalar_type()) + bias;
}

// Phi, the normal distribution.
at::Tensor normal_distribution(const at::Tensor& v) { return 0.5 * (1.0 + at::erf(v * M_SQRT1_2)); }

}  // namespace

void residual_norm_aten(const ResidualNormInputs& in, ResidualNormOutputs& out) {
  const at::Tensor h = in.x_ND.unsqueeze(1) + with_bias(in.y_NED, in.bias_ED);
  const Normalised row = normalise(h);
  out.h_NED.copy_(h);
  out.z_NED.copy_(row.xhat * in.gamma_ED + in.beta_ED);
  copy_statistics(row, out.statistics_NE);
}

void residual_norm_gradient_aten(const ResidualNormGradientInputs& in, ResidualNormGradients& d) {
  const at::Tensor d_z = in.d_z_NED.to(in.h_NED.scalar_type());
  const at::Tensor xhat = normalised(in.h_NED, in.statistics_NE);
  d.d_gamma_ED.copy_((d_z * xhat).sum(0));
  d.d_beta_ED.copy_(d_z.sum(0));
  const at::Tensor total =
      in.d_h_NED + norm_gradient_of(d_z * in.gamma_ED, xhat, in.statistics_NE.reciprocal_deviation);
  d.d_bias_ED.copy_(total.sum(0));
  d.d_x_ND.add_(total.sum(1));
  d.d_y_NED.copy_(total);
}

void norm_aten(const at::Tensor& x_ND, NormOutputs& out) {
  const Normalised row = normalise(x_ND);
  out.xhat_ND.copy_(row.xhat);
  copy_statistics(row, out.statistics_N);
}

void norm_gradient_aten(const NormGradientInputs& in, at::Tensor& d_x_ND) {
  d_x_ND.add_(norm_gradient_of(in.d_xhat_ND.to(in.x_ND.scalar_type()),
                               normalised(in.x_ND, in.statistics_N),
                               in.statistics_N.reciprocal_deviation));
}

void gelu_dropout_aten(const GeluDropoutInputs& in, at::Tensor& g_NEF) {
  const at::Tensor v = with_bias(in.u_NEF, in.bias_EF);
  g_NEF.copy_(drop(v * normal_distribution(v), in.dropout));
}

void gelu_dropout_gradient_aten(const GeluDropoutInputs& in, const at::Tensor& d_g_NEF,
                                GeluDropoutGradients& d) {
  const at::Tensor v = with_bias(in.u_NEF, in.bias_EF);
  const at::Tensor density = at::exp(-0.5 * v.square()) / std::sqrt(2 * M_PI);
  const at::Tensor d_v =
      drop(d_g_NEF.to(v.scalar_type()), in.dropout) * (normal_distribution(v) + v * density);
  d.d_bias_EF.copy_(d_v.sum(0));
  d.d_u_NEF.copy_(d_v);
}

void dropout_residual_aten(const DropoutResidualInputs& in, at::Tensor& out_NED) {
  out_NED.copy_(in.h_NED + drop(with_bias(in.y_NED, in.bias_ED), in.dropout));
}

void dropout_residual_gradient_aten(const at::Tensor& d_out_NED, const ExpertDropout& dropout,
                                    DropoutResidualGradients& d) {
  const at::Tensor d_y = drop(d_out_NED, dropout);
  d.d_bias_ED.copy_(d_y.sum(0));
  d.d_y_NED.copy_(d_y);
}

void scale_columns_aten(const at::Tensor& weight_EOD, const at::Tensor& gamma_ED,
                        at::Tensor& out_EOD) {
  out_EOD.copy_(weight_EOD * gamma_ED.unsqueeze(1));
}

}  // namespace hgnn_moe::ops
