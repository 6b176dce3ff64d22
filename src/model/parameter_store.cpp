#include "hgnn_moe/model/parameter_store.h"

#include <cmath>

#include <ATen/ATen.h>

#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/ops/random_fill.h"

namespace hgnn_moe {

namespace {

// FNV-1a: names the stream of a parameter.
std::uint64_t hash_name(const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  return hash;
}

}  // namespace

Initializer Initializer::glorot(std::int64_t fan_in, std::int64_t fan_out) {
  return {Kind::uniform, std::sqrt(6.0 / static_cast<double>(fan_in + fan_out))};
}

at::Tensor ParameterStore::add(const std::string& name, at::IntArrayRef shape,
                               const Initializer& initializer) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type_));
  if (initializer.kind == Initializer::Kind::constant) {
    tensor.fill_(initializer.value);
  } else {
    const auto distribution = initializer.kind == Initializer::Kind::normal
                                  ? ops::RandomDistribution::normal
                                  : ops::RandomDistribution::uniform;
    const std::uint64_t key = philox_stream_key(seed_, RandomPurpose::init, hash_name(name));
    ops::random_fill(tensor, {distribution, initializer.value, key});
  }
  tensor = tensor.to(device_).set_requires_grad(true);
  list_.push_back({name, tensor, std::make_shared<ops::RoundedWeight>(tensor)});
  return tensor;
}

}  // namespace hgnn_moe
