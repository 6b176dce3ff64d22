#include "hgnn_moe/model/parameter_store.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "hgnn_moe/base/philox.h"

namespace hgnn_moe {

namespace {

constexpr double kTwoPi = 6.283185307179586;

// FNV-1a: names the stream of a parameter.
std::uint64_t hash_name(const std::string& name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  }
  return hash;
}

// In (0, 1): never 0, which Box-Muller's logarithm needs.
double unit_interval(std::uint32_t word) { return (word + 0.5) / 4294967296.0; }

// The four values of block `index`.
void draw_block(std::uint64_t key, std::int64_t index, const Initializer& initializer,
                double values[4]) {
  const auto counter = static_cast<std::uint64_t>(index);
  const PhiloxBlock words =
      philox(key, PhiloxBlock{{static_cast<std::uint32_t>(counter),
                               static_cast<std::uint32_t>(counter >> 32), 0, 0}});
  if (initializer.kind == Initializer::Kind::uniform) {
    for (int i = 0; i < 4; ++i) {
      values[i] = initializer.value * (2.0 * unit_interval(words.v[i]) - 1.0);
    }
    return;
  }
  for (int i = 0; i < 4; i += 2) {
    const double radius = initializer.value * std::sqrt(-2.0 * std::log(unit_interval(words.v[i])));
    const double angle = kTwoPi * unit_interval(words.v[i + 1]);
    values[i] = radius * std::cos(angle);
    values[i + 1] = radius * std::sin(angle);
  }
}

template <typename Scalar>
void fill_random(Scalar* data, std::int64_t count, std::uint64_t key,
                 const Initializer& initializer) {
  at::parallel_for(0, (count + 3) / 4, 4096, [&](std::int64_t begin, std::int64_t end) {
    double values[4];
    for (std::int64_t block = begin; block < end; ++block) {
      draw_block(key, block, initializer, values);
      for (std::int64_t i = 0; i < 4 && 4 * block + i < count; ++i) {
        data[4 * block + i] = static_cast<Scalar>(values[i]);
      }
    }
  });
}

}  // namespace

Initializer Initializer::glorot(std::int64_t fan_in, std::int64_t fan_out) {
  return {Kind::uniform, std::sqrt(6.0 / static_cast<double>(fan_in + fan_out))};
}

at::Tensor ParameterStore::add(const std::string& name, at::IntArrayRef shape,
                               const Initializer& initializer) {
  at::Tensor tensor = at::full(shape, initializer.value, at::TensorOptions().dtype(type_));
  if (initializer.kind != Initializer::Kind::constant) {
    const std::uint64_t key = philox_stream_key(seed_, RandomPurpose::init, hash_name(name));
    if (type_ == at::kDouble) {
      fill_random(tensor.mutable_data_ptr<double>(), tensor.numel(), key, initializer);
    } else {
      fill_random(tensor.mutable_data_ptr<float>(), tensor.numel(), key, initializer);
    }
  }
  tensor = tensor.to(device_).set_requires_grad(true);
  list_.push_back({name, tensor, std::make_shared<ops::RoundedWeight>(tensor)});
  return tensor;
}

}  // namespace hgnn_moe
