// The coupling operations on a GPU: all cases of the CPU, repeatability, and how often their
// kernels are launched.
#include <cmath>
#include <set>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include "tests/ops/coupling_cases.h"
#include "tests/support/gpu.h"
#include "tests/support/tensors.h"

#include "hgnn_moe/ops/cuda_device.h"
#include "hgnn_moe/ops/expert_mix.h"
#include "hgnn_moe/ops/gnn_message.h"
#include "hgnn_moe/ops/hypergraph_conv.h"
#include "hgnn_moe/ops/hypergraph_mix.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::random_tensor;

class CouplingGpuCases : public testing::CouplingCases {
 protected:
  CouplingGpuCases() : CouplingCases(at::kCUDA) {}
  void SetUp() override { ::hgnn_moe::testing::skip_without_gpu(); }
};

TEST_P(CouplingGpuCases, ExpertMix) { expert_mix_cases(); }
TEST_P(CouplingGpuCases, HypergraphMix) { hypergraph_mix_cases(); }
TEST_P(CouplingGpuCases, GnnMessage) { gnn_message_cases(); }

INSTANTIATE_TEST_SUITE_P(Types, CouplingGpuCases, ::testing::ValuesIn(testing::kTypes),
                         [](const auto& info) { return std::string(c10::toString(info.param)); });

class CouplingGpu : public ::hgnn_moe::testing::GpuTest {
 protected:
  // Each operation with its inputs, x the first.
  using Call = std::pair<testing::Operation, std::vector<at::Tensor>>;
  static std::vector<Call> calls() {
    const std::int64_t n = 3001, e = 4, d = 40;
    const IncidenceCsr csr = incidence_csr(complete_uniform_hypergraph(e, 2), at::kCUDA);
    const auto make = [](std::vector<std::int64_t> shape, int seed) {
      return random_tensor(shape, seed).to(at::kCUDA, at::kFloat);
    };
    const at::Tensor x_NED = make({n, e, d}, 1);
    return {{[](const auto& v) { return expert_mix(v[1], v[0]); }, {x_NED, make({e, e}, 2)}},
            {[csr](const auto& v) { return hypergraph_mix(v[0], csr, v[1], Weighting::pyg, v[2]); },
             {x_NED, make({6}, 2).abs() + 0.2, make({d}, 3)}},
            {[](const auto& v) { return gnn_message(v[0], v[1], v[2], v[3]); },
             {x_NED, make({1, 2 * d}, 2), make({1}, 3), make({e, e}, 4)}}};
  }
};

TEST_F(CouplingGpu, TenRunsGiveTheSameBits) {
  for (const auto& [operation, inputs] : calls()) {
    const at::Tensor cotangent = at::ones_like(inputs[0]);
    const auto first = gradients(operation, inputs, cotangent);
    for (int run = 1; run < 10; ++run) {
      EXPECT_TRUE(at::equal(operation(inputs), operation(inputs)));
      const auto again = gradients(operation, inputs, cotangent);
      for (std::size_t i = 0; i < first.size(); ++i) {
        EXPECT_TRUE(at::equal(again[i], first[i])) << "run " << run << ", input " << i;
      }
    }
  }
}

TEST_F(CouplingGpu, NotANumberStaysInItsToken) {
  for (const auto& [operation, inputs] : calls()) {
    std::vector<at::Tensor> poisoned = inputs;
    poisoned[0] = inputs[0].clone();
    poisoned[0][7].fill_(std::nan(""));
    const at::Tensor cotangent = at::ones_like(inputs[0]);
    for (const at::Tensor& found :
         {operation(poisoned), gradients(operation, poisoned, cotangent)[0]}) {
      const at::Tensor bad_N = found.isnan().flatten(1).any(1);
      EXPECT_EQ(bad_N.sum().item<std::int64_t>(), bad_N[7].item<bool>() ? 1 : 0);
    }
    EXPECT_TRUE(operation(poisoned)[7].isnan().all().item<bool>());
  }
}

// Names of the kernels that `work` launches.
template <typename Work>
std::multiset<std::string> launched_kernels(Work work) {
  using namespace torch::autograd::profiler;
  const ProfilerConfig config(ProfilerState::KINETO);
  const std::set<ActivityType> activities{ActivityType::CPU, ActivityType::CUDA};
  prepareProfiler(config, activities);
  enableProfiler(config, activities);
  work();
  const auto result = disableProfiler();
  std::multiset<std::string> names;
  for (const auto& event : result->events()) {
    if (event.deviceType() == at::kCUDA) names.insert(event.name());
  }
  return names;
}

// However many tokens: one launch a layer and direction.
TEST_F(CouplingGpu, HypergraphConvIsOneLaunchALayerAndDirection) {
  const Hypergraph graph = complete_uniform_hypergraph(4, 2);
  const IncidenceCsr csr = incidence_csr(graph, at::kCUDA);
  const auto options = at::TensorOptions(at::kCUDA).dtype(at::kFloat);
  const at::Tensor x = at::randn({4096, 4, 64}, options).requires_grad_();
  const at::Tensor weights = (at::rand({4096, 6}, options) + 0.2).requires_grad_();
  const at::Tensor theta = at::randn({64, 64}, options), bias = at::randn({64}, options);
  const auto names = launched_kernels([&] {
    at::Tensor y = x;
    for (int layer = 0; layer < 3; ++layer) {
      y = hypergraph_conv(y, csr, weights, Weighting::pyg, theta, bias);
    }
    y.sum().backward();
    cuda_synchronize(0);
  });
  const auto count = [&](const char* part) {
    return std::count_if(names.begin(), names.end(), [&](const std::string& name) {
      return name.find(part) != std::string::npos;
    });
  };
  EXPECT_EQ(count("HypergraphMixBody"), 3);
  EXPECT_EQ(count("HypergraphMixGradientBody"), 3);
}

}  // namespace
}  // namespace hgnn_moe::ops
