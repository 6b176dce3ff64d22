// The launch of the body of the head's rows, see row_launch.h for what a launcher is.
#pragma once

#include <ATen/ATen.h>

#include "cuda/cross_entropy_body.h"
#include "cuda/row_launch.h"

namespace hgnn_moe::ops::cuda {

template <typename Launcher>
void launch_cross_entropy_rows(at::Tensor& products_KV, const at::Tensor& bias_V,
                               const at::Tensor& targets_K, const at::Tensor& weights_K,
                               bool gradient, at::Tensor& losses_K, Launcher& launcher) {
  with_scalar(products_KV.scalar_type(), [&](auto scalar) {
    using Scalar = decltype(scalar);
    using Compute = ComputeOf<Scalar>;
    const CrossEntropyArguments<Scalar> a{products_KV.size(1),
                                          products_KV.stride(0),
                                          mutable_pointer<Scalar>(products_KV),
                                          pointer<Compute>(bias_V),
                                          pointer<std::int64_t>(targets_K),
                                          pointer<Compute>(weights_K),
                                          mutable_pointer<Compute>(losses_K),
                                          gradient};
    with_lanes<Scalar>(a.stride, {products_KV}, [&](auto lanes) {
      launcher.template run<CrossEntropyBody<Scalar, lanes()>>(a, products_KV.size(0), /*chunk=*/1,
                                                               threads_for(a.vocabulary, lanes()));
    });
  });
}

}  // namespace hgnn_moe::ops::cuda
