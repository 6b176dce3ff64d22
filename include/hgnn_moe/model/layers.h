// The two building blocks shared by experts and couplers.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/config/train_config.h"
#include "hgnn_moe/model/parameter_store.h"

namespace hgnn_moe {

inline constexpr double kWeightDeviation = 0.02;  // of every normal(0, 0.02) initial value

// Of matrix products whose factors are of `type`; bf16 is for fp32 alone, float64 for references.
at::ScalarType product_type(Precision precision, at::ScalarType type);

// y = x W^T + b; in bf16 the product alone is bf16, input and output keep x's type.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  Precision precision, const ops::RoundedWeightPtr& rounded);

struct Linear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out]
  Precision precision = Precision::fp32;
  ops::RoundedWeightPtr rounded;  // of the weight

  static Linear create(ParameterStore& store, const std::string& name, std::int64_t in,
                       std::int64_t out, Precision precision);
  at::Tensor operator()(const at::Tensor& x) const {
    return linear(x, weight, bias, precision, rounded);
  }
};

struct LayerNorm {
  at::Tensor weight;  // [D]
  at::Tensor bias;    // [D]

  static LayerNorm create(ParameterStore& store, const std::string& name, std::int64_t dim);
  at::Tensor operator()(const at::Tensor& x) const;
};

}  // namespace hgnn_moe
