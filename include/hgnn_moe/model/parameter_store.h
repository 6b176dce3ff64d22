// Creates the parameters of a model in published order, with their initial values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/model/parameter_list.h"

namespace hgnn_moe {

struct Initializer {
  enum class Kind { constant, normal, uniform } kind = Kind::constant;
  double value = 0.0;  // the constant, the standard deviation, or the bound of the uniform

  static Initializer constant(double value) { return {Kind::constant, value}; }
  static Initializer normal(double deviation) { return {Kind::normal, deviation}; }
  // Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
  static Initializer glorot(std::int64_t fan_in, std::int64_t fan_out);
};

// Values are a pure function of (seed, parameter name, element), so they do not depend on the
// rest of the model, the device or the number of threads.
class ParameterStore {
 public:
  ParameterStore(std::uint64_t seed, at::ScalarType type, at::Device device)
      : seed_(seed), type_(type), device_(device) {}

  // Makes, initialises and lists a parameter.
  at::Tensor add(const std::string& name, at::IntArrayRef shape, const Initializer& initializer);

  const ParameterList& list() const { return list_; }
  at::ScalarType type() const { return type_; }
  at::Device device() const { return device_; }

 private:
  std::uint64_t seed_;
  at::ScalarType type_;
  at::Device device_;
  ParameterList list_;
};

}  // namespace hgnn_moe
