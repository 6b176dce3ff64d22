#include "tests/support/tensors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/safetensors.h"

namespace hgnn_moe::testing {

namespace {

double machine_epsilon(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return std::numeric_limits<double>::epsilon();
    case at::kFloat:
      return std::numeric_limits<float>::epsilon();
    case at::kBFloat16:
      return 1.0 / 128;
    default:
      return 0.0;
  }
}

// The position and both values of the largest difference.
std::string describe_worst(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor difference = (actual - expected).abs().flatten();
  const auto worst = difference.argmax().item<std::int64_t>();
  std::string position;
  auto rest = worst;
  for (auto d = expected.dim() - 1; d >= 0; --d) {
    position = std::to_string(rest % expected.size(d)) + (position.empty() ? "" : ", ") + position;
    rest /= expected.size(d);
  }
  return fmt::format("[{}]: {} instead of {}", position, actual.flatten()[worst].item<double>(),
                     expected.flatten()[worst].item<double>());
}

}  // namespace

::testing::AssertionResult close(const at::Tensor& actual, const at::Tensor& expected,
                                 double terms) {
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure()
           << "shapes " << actual.sizes() << " and " << expected.sizes();
  }
  if (actual.numel() == 0) return ::testing::AssertionSuccess();
  const double epsilon = machine_epsilon(actual.scalar_type());
  const at::Tensor a = actual.detach().to(at::kCPU, at::kDouble);
  const at::Tensor e = expected.detach().to(at::kCPU, at::kDouble);
  const double magnitude = std::max(1.0, e.abs().max().item<double>());
  const double tolerance = 4 * terms * epsilon * magnitude;
  const double worst = (a - e).abs().max().item<double>();
  if (worst <= tolerance) return ::testing::AssertionSuccess();  // false for NaN
  return ::testing::AssertionFailure()
         << "differs by " << worst << ", allowed " << tolerance << ", at " << describe_worst(a, e);
}

std::vector<at::Tensor> gradients(
    const std::function<at::Tensor(const std::vector<at::Tensor>&)>& f,
    const std::vector<at::Tensor>& inputs, const at::Tensor& cotangent) {
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& input : inputs) {
    // The same memory, so that strides and alignment are those of the caller.
    leaves.push_back(input.detach().set_requires_grad(true));
  }
  const at::Tensor output = f(leaves);
  std::vector<at::Tensor> result(leaves.size());
  if (output.requires_grad()) {
    result = torch::autograd::grad({output}, leaves, {cotangent}, /*retain_graph=*/false,
                                   /*create_graph=*/false, /*allow_unused=*/true);
  }
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (!result[i].defined()) result[i] = at::zeros_like(leaves[i]);
  }
  return result;
}

::testing::AssertionResult matches_finite_differences(
    const std::function<at::Tensor(const std::vector<at::Tensor>&)>& f,
    const std::vector<at::Tensor>& inputs, const at::Tensor& cotangent) {
  constexpr double kStep = 1e-5;
  const std::vector<at::Tensor> analytic = gradients(f, inputs, cotangent);
  const c10::NoGradGuard no_grad;
  const auto objective = [&](const std::vector<at::Tensor>& values) {
    return (f(values) * cotangent).sum().item<double>();
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].numel() == 0) continue;
    const double scale = std::max(1.0, analytic[i].abs().max().item<double>());
    for (std::int64_t k = 0; k < inputs[i].numel(); ++k) {
      std::vector<at::Tensor> moved;
      for (const at::Tensor& input : inputs) moved.push_back(input.clone());
      double* element = moved[i].mutable_data_ptr<double>() + k;
      const double value = *element;
      *element = value + kStep;
      const double above = objective(moved);
      *element = value - kStep;
      const double below = objective(moved);
      const double numeric = (above - below) / (2 * kStep);
      const double exact = analytic[i].flatten()[k].item<double>();
      if (!(std::abs(numeric - exact) <= 1e-6 * scale)) {
        return ::testing::AssertionFailure()
               << "input " << i << ", element " << k << ": " << exact << " instead of " << numeric;
      }
    }
  }
  return ::testing::AssertionSuccess();
}

at::Tensor random_tensor(at::IntArrayRef shape, std::uint64_t seed) {
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed),
                   at::TensorOptions().dtype(at::kDouble));
}

const at::Tensor& GoldenFile::at(const std::string& name) const {
  const auto found = tensors.find(name);
  HGNN_MOE_ASSERT(found != tensors.end(), "no tensor {} in the golden file", name);
  return found->second;
}

GoldenFile read_golden(const std::string& name) {
  const SafetensorsFile file(std::string(HGNN_MOE_SOURCE_DIR) + "/tests/golden/" + name,
                             ExitCode::data);
  GoldenFile golden;
  golden.metadata = file.metadata();
  for (const TensorEntry& entry : file.entries()) {
    const at::ScalarType type = entry.type == ScalarType::f64   ? at::kDouble
                                : entry.type == ScalarType::f32 ? at::kFloat
                                                                : at::kLong;
    at::Tensor tensor = at::empty(entry.shape, type);
    std::memcpy(tensor.mutable_data_ptr(), file.data(entry), entry.end - entry.begin);
    golden.tensors[entry.name] = type == at::kFloat ? tensor.to(at::kDouble) : tensor;
  }
  return golden;
}

std::vector<std::string> golden_names(const std::string& prefix) {
  std::vector<std::string> names;
  const auto folder = std::filesystem::path(HGNN_MOE_SOURCE_DIR) / "tests/golden";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(prefix, 0) == 0) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  HGNN_MOE_ASSERT(!names.empty(), "no golden file {}*", prefix);
  return names;
}

}  // namespace hgnn_moe::testing
