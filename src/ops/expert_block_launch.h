// The launches of the bodies of expert blocks, see row_launch.h for what a launcher is.
#pragma once

#include <ATen/ATen.h>

#include "counter_dropout_kernels.h"
#include "cuda/expert_dropout_body.h"
#include "cuda/expert_norm_body.h"
#include "cuda/row_launch.h"
#include "expert_block_kernels.h"

namespace hgnn_moe::ops::cuda {

inline TokenDropout token_dropout(const ExpertDropout& dropout) {
  if (dropout.rate == 0.0) return {nullptr, nullptr, nullptr, 0, 1.0};
  return {key_pointer(dropout.keys_E), pointer<std::int64_t>(dropout.positions_N),
          pointer<std::int64_t>(dropout.samples_N), dropout_threshold(dropout.rate),
          1.0 / (1.0 - dropout.rate)};
}

// Of a tensor [N, E, ...].
inline ExpertTokens expert_tokens(const at::Tensor& x_NED) {
  return {static_cast<int>(x_NED.size(1)), x_NED.size(0), tokens_of_block(x_NED.size(0))};
}

// [E, blocks, ...] of the type of sums beside x.
inline at::Tensor empty_sums(const ExpertTokens& units, std::vector<std::int64_t> shape,
                             const at::Tensor& state) {
  shape.insert(shape.begin(), {units.experts, units.blocks()});
  return at::empty(shape, state.options());
}

template <typename Launcher>
void launch_norm(const at::Tensor& x_ND, NormOutputs& out, Launcher& launcher) {
  with_scalar(out.xhat_ND.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = ComputeOf<Scalar>;
    ResidualNormArguments<Scalar> a{};
    a.experts = 1;
    a.dim = x_ND.size(1);
    a.epsilon = kNormEpsilon;
    a.x = pointer<Compute>(x_ND);
    a.z = mutable_pointer<Scalar>(out.xhat_ND);
    a.mean = mutable_pointer<Compute>(out.statistics_N.mean);
    a.reciprocal_deviation = mutable_pointer<Compute>(out.statistics_N.reciprocal_deviation);
    with_lanes<Scalar>(a.dim, {x_ND, out.xhat_ND}, [&](auto lanes) {
      launcher.template run<ResidualNormBody<Scalar, lanes()>>(a, x_ND.size(0), kRowsOfBlock,
                                                               threads_for(a.dim, lanes()));
    });
  });
}

template <typename Launcher>
void launch_norm_gradient(const NormGradientInputs& in, at::Tensor& d_x_ND, Launcher& launcher) {
  with_scalar(in.d_xhat_ND.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = ComputeOf<Scalar>;
    const NormGradientArguments<Scalar> a{in.x_ND.size(1),
                                          pointer<Scalar>(in.d_xhat_ND),
                                          pointer<Compute>(in.x_ND),
                                          pointer<Compute>(in.statistics_N.mean),
                                          pointer<Compute>(in.statistics_N.reciprocal_deviation),
                                          mutable_pointer<Compute>(d_x_ND)};
    with_lanes<Scalar>(a.dim, {in.d_xhat_ND, in.x_ND, d_x_ND}, [&](auto lanes) {
      launcher.template run<NormGradientBody<Scalar, lanes()>>(a, in.x_ND.size(0), kRowsOfBlock,
                                                               threads_for(a.dim, lanes()));
    });
  });
}

template <typename Launcher>
void launch_residual_norm(const ResidualNormInputs& in, ResidualNormOutputs& out,
                          Launcher& launcher) {
  with_scalar(in.y_NED.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = ComputeOf<Scalar>;
    const ResidualNormArguments<Scalar> a{
        static_cast<int>(in.y_NED.size(1)),
        in.y_NED.size(2),
        kNormEpsilon,
        pointer<Compute>(in.x_ND),
        pointer<Scalar>(in.y_NED),
        pointer<Compute>(in.bias_ED),
        pointer<Compute>(in.gamma_ED),
        pointer<Compute>(in.beta_ED),
        mutable_pointer<Compute>(out.h_NED),
        mutable_pointer<Scalar>(out.z_NED),
        mutable_pointer<Compute>(out.statistics_NE.mean),
        mutable_pointer<Compute>(out.statistics_NE.reciprocal_deviation)};
    with_lanes<Scalar>(a.dim, {in.x_ND, in.y_NED, out.h_NED, out.z_NED}, [&](auto lanes) {
      launcher.template run<ResidualNormBody<Scalar, lanes()>>(
          a, in.y_NED.size(0) * a.experts, kRowsOfBlock, threads_for(a.dim, lanes()));
    });
  });
}

template <typename Launcher>
void launch_residual_norm_gradient(const ResidualNormGradientInputs& in, ResidualNormGradients& d,
                                   Launcher& launcher) {
  const ExpertTokens units = expert_tokens(in.h_NED);
  const at::Tensor sums_EC3D = empty_sums(units, {3, in.h_NED.size(2)}, in.gamma_ED);
  // What x gets is summed over experts before it is rounded.
  const bool rounds = d.d_y_NED.scalar_type() != in.h_NED.scalar_type();
  const at::Tensor total_NED = rounds ? at::empty_like(in.h_NED) : d.d_y_NED;
  with_scalar(in.d_z_NED.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = ComputeOf<Scalar>;
    const ResidualNormGradientArguments<Scalar> a{
        units,
        in.h_NED.size(2),
        pointer<Compute>(in.d_h_NED),
        pointer<Scalar>(in.d_z_NED),
        pointer<Compute>(in.h_NED),
        pointer<Compute>(in.statistics_NE.mean),
        pointer<Compute>(in.statistics_NE.reciprocal_deviation),
        pointer<Compute>(in.gamma_ED),
        mutable_pointer<Scalar>(d.d_y_NED),
        rounds ? mutable_pointer<Compute>(total_NED) : nullptr,
        mutable_pointer<Compute>(sums_EC3D)};
    with_lanes<Scalar>(a.dim, {in.d_h_NED, in.d_z_NED, in.h_NED, d.d_y_NED, total_NED},
                       [&](auto lanes) {
                         launcher.template run<ResidualNormGradientBody<Scalar, lanes()>>(
                             a, units.units(), units.chunk, threads_for(a.dim, lanes()));
                       });
  });
  d.d_x_ND.add_(total_NED.sum(1));
  const at::Tensor sums_E3D = sum_over_blocks(sums_EC3D);
  d.d_bias_ED.copy_(sums_E3D.select(1, 0));
  d.d_gamma_ED.copy_(sums_E3D.select(1, 1));
  d.d_beta_ED.copy_(sums_E3D.select(1, 2));
}

template <typename Scalar>
GeluDropoutArguments<Scalar> gelu_dropout_arguments(const GeluDropoutInputs& in) {
  GeluDropoutArguments<Scalar> a{};
  a.units = expert_tokens(in.u_NEF);
  a.dim = in.u_NEF.size(2);
  a.u = pointer<Scalar>(in.u_NEF);
  a.bias = pointer<ComputeOf<Scalar>>(in.bias_EF);
  a.dropout = token_dropout(in.dropout);
  return a;
}

template <typename Launcher>
void launch_gelu_dropout(const GeluDropoutInputs& in, at::Tensor& g_NEF, Launcher& launcher) {
  with_scalar(in.u_NEF.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    auto a = gelu_dropout_arguments<Scalar>(in);
    a.units.chunk = kRowsOfBlock;
    a.g = mutable_pointer<Scalar>(g_NEF);
    with_lanes<Scalar>(a.dim, {in.u_NEF, g_NEF}, [&](auto lanes) {
      launcher.template run<GeluDropoutBody<Scalar, lanes()>>(a, a.units.units(), a.units.chunk,
                                                              threads_for(a.dim, lanes()));
    });
  });
}

template <typename Launcher>
void launch_gelu_dropout_gradient(const GeluDropoutInputs& in, const at::Tensor& d_g_NEF,
                                  GeluDropoutGradients& d, Launcher& launcher) {
  const at::Tensor sums_ECF = empty_sums(expert_tokens(in.u_NEF), {in.u_NEF.size(2)}, in.bias_EF);
  with_scalar(in.u_NEF.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    auto a = gelu_dropout_arguments<Scalar>(in);
    a.d_g = pointer<Scalar>(d_g_NEF);
    a.d_u = mutable_pointer<Scalar>(d.d_u_NEF);
    a.sums = mutable_pointer<ComputeOf<Scalar>>(sums_ECF);
    with_lanes<Scalar>(a.dim, {in.u_NEF, d_g_NEF, d.d_u_NEF}, [&](auto lanes) {
      launcher.template run<GeluDropoutGradientBody<Scalar, lanes()>>(
          a, a.units.units(), a.units.chunk, threads_for(a.dim, lanes()));
    });
  });
  d.d_bias_EF.copy_(sum_over_blocks(sums_ECF));
}

template <typename Launcher>
void launch_dropout_residual(const DropoutResidualInputs& in, at::Tensor& out_NED,
                             Launcher& launcher) {
  with_scalar(in.y_NED.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = ComputeOf<Scalar>;
    DropoutResidualArguments<Scalar> a{};
    a.units = expert_tokens(in.y_NED);
    a.units.chunk = kRowsOfBlock;
    a.dim = in.y_NED.size(2);
    a.dropout = token_dropout(in.dropout);
    a.h = pointer<Compute>(in.h_NED);
    a.y = pointer<Scalar>(in.y_NED);
    a.bias = pointer<Compute>(in.bias_ED);
    a.out = mutable_pointer<Compute>(out_NED);
    with_lanes<Scalar>(a.dim, {in.h_NED, in.y_NED, out_NED}, [&](auto lanes) {
      launcher.template run<DropoutResidualBody<Scalar, lanes()>>(a, a.units.units(), a.units.chunk,
                                                                  threads_for(a.dim, lanes()));
    });
  });
}

template <typename Launcher>
void launch_dropout_residual_gradient(const at::Tensor& d_out_NED, const ExpertDropout& dropout,
                                      DropoutResidualGradients& d, Launcher& launcher) {
  const ExpertTokens units = expert_tokens(d_out_NED);
  const at::Tensor sums_ECD = empty_sums(units, {d_out_NED.size(2)}, d.d_bias_ED);
  with_scalar(d.d_y_NED.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = ComputeOf<Scalar>;
    DropoutResidualArguments<Scalar> a{};
    a.units = units;
    a.dim = d_out_NED.size(2);
    a.dropout = token_dropout(dropout);
    a.d_out = pointer<Compute>(d_out_NED);
    a.d_y = mutable_pointer<Scalar>(d.d_y_NED);
    a.sums = mutable_pointer<Compute>(sums_ECD);
    with_lanes<Scalar>(a.dim, {d_out_NED, d.d_y_NED}, [&](auto lanes) {
      launcher.template run<DropoutResidualGradientBody<Scalar, lanes()>>(
          a, units.units(), units.chunk, threads_for(a.dim, lanes()));
    });
  });
  d.d_bias_ED.copy_(sum_over_blocks(sums_ECD));
}

}  // namespace hgnn_moe::ops::cuda
