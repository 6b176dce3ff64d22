// The coupling operations on a GPU against the dense products in float64 on the CPU, and how often
// their kernels are launched.
#include <set>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include "tests/support/gpu.h"
#include "tests/support/tensors.h"

#include "hgnn_moe/ops/cuda_device.h"
#include "hgnn_moe/ops/expert_mix.h"
#include "hgnn_moe/ops/gnn_message.h"
#include "hgnn_moe/ops/hypergraph_conv.h"
#include "hgnn_moe/ops/hypergraph_mix.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::random_tensor;

using Function = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

struct Sizes {
  std::int64_t tokens, experts, dim;
};

// Every tile and its neighbours, packs and single elements, more tokens than a 16-bit index holds,
// and more experts than a kernel serves.
const Sizes kSizes[] = {{0, 4, 8},     {1, 1, 1},    {5, 2, 7},    {13, 4, 384}, {7, 5, 64},
                        {257, 8, 384}, {5, 16, 384}, {3, 17, 24},  {2, 32, 64},  {2, 33, 8},
                        {3, 64, 40},   {2, 65, 8},   {9, 4, 1000}, {70001, 2, 3}};

class CouplingGpu : public ::hgnn_moe::testing::GpuTest {
 protected:
  // `on_gpu` in the type given, `reference` in float64 on the CPU; x is the first input.
  static void expect_same(const Function& on_gpu, const Function& reference,
                          const std::vector<at::Tensor>& inputs, at::ScalarType type,
                          double terms) {
    const at::ScalarType weight_type = type == at::kDouble ? at::kDouble : at::kFloat;
    std::vector<at::Tensor> device, exact;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      device.push_back(inputs[i].to(i == 0 ? type : weight_type).to(at::kCUDA));
      exact.push_back(device.back().to(at::kCPU, at::kDouble));
    }
    const double x_terms = type == at::kBFloat16 ? 1 : terms;
    const at::Tensor expected = reference(exact);
    EXPECT_TRUE(close(on_gpu(device), expected, x_terms));
    const at::Tensor cotangent = random_tensor(expected.sizes(), 77).to(type);
    const auto actual = gradients(on_gpu, device, cotangent.to(at::kCUDA));
    const auto again = gradients(on_gpu, device, cotangent.to(at::kCUDA));
    const auto wanted = gradients(reference, exact, cotangent.to(at::kDouble));
    const double tokens = std::sqrt(static_cast<double>(inputs[0].size(0))) + 1;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_TRUE(close(actual[i], wanted[i], i == 0 ? x_terms : terms * tokens)) << "input " << i;
      EXPECT_TRUE(at::equal(actual[i], again[i])) << "input " << i << " is not repeated to the bit";
    }
  }

  template <typename Check>
  static void for_each_size(Check check) {
    for (const Sizes& s : kSizes) {
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kDouble}) {
        SCOPED_TRACE(::testing::Message()
                     << s.tokens << " x " << s.experts << " x " << s.dim << ", " << type);
        check(s, type);
      }
    }
  }

  static at::Tensor product(const at::Tensor& mixing, const at::Tensor& x) {
    return at::bmm(
        mixing.dim() == 3 ? mixing : mixing.expand({x.size(0), mixing.size(0), mixing.size(1)}), x);
  }
};

TEST_F(CouplingGpu, ExpertMix) {
  for_each_size([](const Sizes& s, at::ScalarType type) {
    for (const bool per_token : {false, true}) {
      const at::Tensor mixing = per_token ? random_tensor({s.tokens, s.experts, s.experts}, 2)
                                          : random_tensor({s.experts, s.experts}, 2);
      expect_same([](const auto& in) { return expert_mix(in[1], in[0]); },
                  [](const auto& in) { return product(in[1], in[0]); },
                  {random_tensor({s.tokens, s.experts, s.dim}, 1), mixing}, type,
                  static_cast<double>(s.experts + s.dim));
    }
  });
}

TEST_F(CouplingGpu, HypergraphMix) {
  for_each_size([](const Sizes& s, at::ScalarType type) {
    const Hypergraph graph = complete_uniform_hypergraph(s.experts, 2);
    const std::int64_t m = graph.num_hyperedges();
    if (s.tokens * m > 4'000'000) return;
    const IncidenceCsr csr = incidence_csr(graph, at::kCUDA);
    const at::Tensor h_EM = incidence_matrix(graph, at::kDouble);
    for (const Weighting weighting : {Weighting::pyg, Weighting::paper}) {
      for (const bool per_token : {false, true}) {
        const at::Tensor weights =
            (per_token ? random_tensor({s.tokens, m}, 2) : random_tensor({m}, 2)).abs() + 0.2;
        expect_same(
            [&](const auto& in) { return hypergraph_mix(in[0], csr, in[1], weighting, in[2]); },
            [&](const auto& in) {
              return product(mixing_matrix(h_EM, in[1], weighting), in[0]) + in[2];
            },
            {random_tensor({s.tokens, s.experts, s.dim}, 1), weights, random_tensor({s.dim}, 3)},
            type, static_cast<double>(s.experts + s.dim + m));
      }
    }
  });
}

TEST_F(CouplingGpu, GnnMessage) {
  for_each_size([](const Sizes& s, at::ScalarType type) {
    const at::Tensor weight =
        random_tensor({1, 2 * s.dim}, 2) / std::sqrt(static_cast<double>(s.dim));
    expect_same([](const auto& in) { return gnn_message(in[0], in[1], in[2], in[3]); },
                [](const auto& in) {
                  return product(gnn_message_matrix(in[0], in[1], in[2], in[3]), in[0]);
                },
                {random_tensor({s.tokens, s.experts, s.dim}, 1), weight, random_tensor({1}, 3),
                 random_tensor({s.experts, s.experts}, 4)},
                type,
                static_cast<double>(s.experts + s.dim) * std::sqrt(static_cast<double>(s.experts)));
  });
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
