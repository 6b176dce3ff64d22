// Comparison of tensors and access to golden files, for tests with LibTorch.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

namespace hgnn_moe::testing {

// Passes where every element of `actual` is within 4 K eps max(1, max|expected|) of `expected`:
// the rounding in `actual`'s type of sums of K terms, inputs being of size 1, with a factor for
// the few sums that follow each other. Sums that cancel keep the size of their terms, hence the
// 1. Names the worst element.
::testing::AssertionResult close(const at::Tensor& actual, const at::Tensor& expected,
                                 double terms);

// The gradients of sum(f(inputs) * cotangent) with respect to `inputs`; undefined ones as zeros.
std::vector<at::Tensor> gradients(
    const std::function<at::Tensor(const std::vector<at::Tensor>&)>& f,
    const std::vector<at::Tensor>& inputs, const at::Tensor& cotangent);

// Compares those gradients with central differences of step h in float64. The error of such a
// difference is about h^2 |f'''| + eps |f| / h, so h = 1e-5 leaves 1e-6 relative.
::testing::AssertionResult matches_finite_differences(
    const std::function<at::Tensor(const std::vector<at::Tensor>&)>& f,
    const std::vector<at::Tensor>& inputs, const at::Tensor& cotangent);

// Reproducible normal values in float64; each name gives others.
at::Tensor random_tensor(at::IntArrayRef shape, std::uint64_t seed);

struct GoldenFile {
  std::map<std::string, at::Tensor> tensors;  // floating ones in float64
  std::map<std::string, std::string> metadata;

  const at::Tensor& at(const std::string& name) const;
};

// tests/golden/NAME
GoldenFile read_golden(const std::string& name);
std::vector<std::string> golden_names(const std::string& prefix);

}  // namespace hgnn_moe::testing
