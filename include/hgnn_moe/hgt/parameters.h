// Creates the parameters of a model on a graph, in published order, with their initial values.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/train/optimizer.h"

namespace hgnn_moe::hgt {

// Values are a pure function of (seed, name, element).
class Parameters {
 public:
  Parameters(std::uint64_t seed, at::ScalarType type, at::Device device)
      : seed_(seed), type_(type), device_(device) {}

  at::Tensor add_constant(const std::string& name, at::IntArrayRef shape, double value);
  // Between -bound and bound.
  at::Tensor add_uniform(const std::string& name, at::IntArrayRef shape, double bound);

  // Values of a tensor that is not in the list: mean 0 and the standard deviation.
  at::Tensor draw_normal(const std::string& name, at::IntArrayRef shape, double deviation) const;

  const ParameterList& list() const { return list_; }
  at::ScalarType type() const { return type_; }
  at::Device device() const { return device_; }

 private:
  at::Tensor add(const std::string& name, const at::Tensor& values);

  std::uint64_t seed_;
  at::ScalarType type_;
  at::Device device_;
  ParameterList list_;
};

// y = x W^T + b. Weight and bias begin uniform within 1 / sqrt(in), as torch_geometric.nn.Linear's
// and torch.nn.Linear's do (He et al. 2015 with a = sqrt(5)).
struct Linear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out]

  static Linear create(Parameters& parameters, const std::string& name, std::int64_t in,
                       std::int64_t out);
  at::Tensor operator()(const at::Tensor& x) const;
  // Only rows [first, first + count) of the weight.
  at::Tensor part(const at::Tensor& x, std::int64_t first, std::int64_t count) const;
};

}  // namespace hgnn_moe::hgt
