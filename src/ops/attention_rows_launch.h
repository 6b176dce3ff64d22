// The launches of the bodies of attention's rows, see row_launch.h for what a launcher is.
#pragma once

#include <ATen/ATen.h>

#include "attention_rows.h"
#include "counter_dropout_kernels.h"
#include "cuda/attention_rows_body.h"
#include "cuda/row_launch.h"

namespace hgnn_moe::ops::cuda {

template <typename Scalar>
AttentionRowsArguments<Scalar> attention_rows_arguments(const AttentionRows& rows,
                                                        const at::Tensor& scores_HTT,
                                                        const at::Tensor& log_sum_exp_HT,
                                                        const at::Tensor& kept_HTT) {
  using Compute = ComputeOf<Scalar>;
  AttentionRowsArguments<Scalar> a{};
  a.heads = rows.heads;
  a.batch = rows.batch();
  a.length = scores_HTT.size(1);
  a.scale = static_cast<Compute>(rows.scale);
  a.keys = key_pointer(rows.dropout.keys_E);
  a.samples = pointer<std::int64_t>(rows.sample_indices_B);
  a.threshold = dropout_threshold(rows.dropout.rate);
  a.kept_scale = static_cast<Compute>(1.0 / (1.0 - rows.dropout.rate));
  a.scores = pointer<Compute>(scores_HTT);
  a.log_sum_exp = mutable_pointer<Compute>(log_sum_exp_HT);
  a.kept = mutable_pointer<Scalar>(kept_HTT);
  return a;
}

template <typename Launcher>
void launch_attention_rows(const AttentionRows& rows, const at::Tensor& scores_HTT,
                           at::Tensor& kept_HTT, at::Tensor& log_sum_exp_HT, Launcher& launcher) {
  with_scalar(kept_HTT.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    const auto a = attention_rows_arguments<Scalar>(rows, scores_HTT, log_sum_exp_HT, kept_HTT);
    with_lanes<Scalar>(a.length, {scores_HTT, kept_HTT}, [&](auto lanes) {
      launcher.template run<AttentionRowsBody<Scalar, lanes()>>(
          a, log_sum_exp_HT.numel(), kRowsOfBlock, threads_for_row(a.length, lanes()));
    });
  });
}

template <typename Launcher>
void launch_attention_rows_gradient(const AttentionRows& rows,
                                    const AttentionRowsGradientInputs& in,
                                    AttentionRowsGradients& d, Launcher& launcher) {
  with_scalar(d.kept_HTT.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    auto a = attention_rows_arguments<Scalar>(rows, in.scores_HTT, in.log_sum_exp_HT, d.kept_HTT);
    a.d_kept = pointer<ComputeOf<Scalar>>(in.d_kept_HTT);
    a.d_scores = mutable_pointer<Scalar>(d.d_scores_HTT);
    with_lanes<Scalar>(
        a.length, {in.scores_HTT, in.d_kept_HTT, d.kept_HTT, d.d_scores_HTT}, [&](auto lanes) {
          launcher.template run<AttentionRowsGradientBody<Scalar, lanes()>>(
              a, in.log_sum_exp_HT.numel(), kRowsOfBlock, threads_for_row(a.length, lanes()));
        });
  });
}

}  // namespace hgnn_moe::ops::cuda
