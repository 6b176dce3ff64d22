#include "hgnn_moe/model/layers.h"

#include <ATen/ATen.h>

#include "hgnn_moe/ops/linear.h"
#include "hgnn_moe/ops/norm_epsilon.h"

namespace hgnn_moe {

at::ScalarType product_type(Precision precision, at::ScalarType type) {
  return precision == Precision::bf16 && type == at::kFloat ? at::kBFloat16 : type;
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  Precision precision, const ops::RoundedWeightPtr& rounded) {
  return ops::linear(x, weight, bias, product_type(precision, x.scalar_type()), rounded);
}

Linear Linear::create(ParameterStore& store, const std::string& name, std::int64_t in,
                      std::int64_t out, Precision precision) {
  Linear layer;
  layer.weight = store.add(name + ".weight", {out, in}, Initializer::normal(kWeightDeviation));
  layer.rounded = store.list().back().rounded;
  layer.bias = store.add(name + ".bias", {out}, Initializer::constant(0.0));
  layer.precision = precision;
  return layer;
}

LayerNorm LayerNorm::create(ParameterStore& store, const std::string& name, std::int64_t dim) {
  LayerNorm layer;
  layer.weight = store.add(name + ".weight", {dim}, Initializer::constant(1.0));
  layer.bias = store.add(name + ".bias", {dim}, Initializer::constant(0.0));
  return layer;
}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, ops::kNormEpsilon);
}

}  // namespace hgnn_moe
