#include "hgnn_moe/model/parameter_store.h"

#include <cmath>

#include <ATen/ATen.h>

#include "hgnn_moe/base/hash.h"
#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/ops/random_fill.h"

namespace hgnn_moe {

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
    const std::uint64_t key = philox_stream_key(seed_, RandomPurpose::init, fnv1a(name));
    ops::random_fill(tensor, {distribution, initializer.value, key});
  }
  tensor = tensor.to(device_).set_requires_grad(true);
  list_.push_back({name, tensor, std::make_shared<ops::RoundedWeight>(tensor)});
  return tensor;
}

}  // namespace hgnn_moe
