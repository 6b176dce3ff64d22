#include "hgnn_moe/hgt/parameters.h"

#include <cmath>

#include <ATen/ATen.h>

#include "hgnn_moe/base/hash.h"
#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/ops/random_fill.h"

namespace hgnn_moe::hgt {

namespace {

at::Tensor draw(std::uint64_t seed, const std::string& name, at::IntArrayRef shape,
                at::ScalarType type, ops::RandomDistribution distribution, double scale) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type));
  const std::uint64_t key = philox_stream_key(seed, RandomPurpose::init, fnv1a(name));
  ops::random_fill(tensor, {distribution, scale, key});
  return tensor;
}

}  // namespace

at::Tensor Parameters::add(const std::string& name, const at::Tensor& values) {
  const at::Tensor tensor = values.to(device_).set_requires_grad(true);
  list_.push_back({name, tensor});
  return tensor;
}

at::Tensor Parameters::add_constant(const std::string& name, at::IntArrayRef shape, double value) {
  return add(name, at::full(shape, value, at::TensorOptions().dtype(type_)));
}

at::Tensor Parameters::add_uniform(const std::string& name, at::IntArrayRef shape, double bound) {
  return add(name, draw(seed_, name, shape, type_, ops::RandomDistribution::uniform, bound));
}

at::Tensor Parameters::draw_normal(const std::string& name, at::IntArrayRef shape,
                                   double deviation) const {
  return draw(seed_, name, shape, type_, ops::RandomDistribution::normal, deviation).to(device_);
}

Linear Linear::create(Parameters& parameters, const std::string& name, std::int64_t in,
                      std::int64_t out) {
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  Linear layer;
  layer.weight = parameters.add_uniform(name + ".weight", {out, in}, bound);
  layer.bias = parameters.add_uniform(name + ".bias", {out}, bound);
  return layer;
}

at::Tensor Linear::operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }

at::Tensor Linear::part(const at::Tensor& x, std::int64_t first, std::int64_t count) const {
  return at::linear(x, weight.narrow(0, first, count), bias.narrow(0, first, count));
}

}  // namespace hgnn_moe::hgt
