// The coupling operations on the CPU, and what its threads may not change.
#include "tests/ops/coupling_cases.h"

#include <ATen/Parallel.h>

namespace hgnn_moe::ops::testing {
namespace {

TEST_P(CouplingCases, ExpertMix) { expert_mix_cases(); }
TEST_P(CouplingCases, HypergraphMix) { hypergraph_mix_cases(); }
TEST_P(CouplingCases, GnnMessage) { gnn_message_cases(); }

INSTANTIATE_TEST_SUITE_P(Types, CouplingCases, ::testing::ValuesIn(kTypes),
                         [](const auto& info) { return std::string(c10::toString(info.param)); });

// Gradients that are sums over tokens are added in an order that the shape alone decides.
TEST(CouplingOperations, TheNumberOfThreadsChangesNoBit) {
  const std::int64_t n = 3001, e = 4, d = 40;
  const Hypergraph graph = complete_uniform_hypergraph(e, 2);
  const at::Tensor x_NED = random_tensor({n, e, d}, 1).to(at::kFloat);
  const std::pair<Operation, std::vector<at::Tensor>> calls[] = {
      {[](const std::vector<at::Tensor>& v) { return expert_mix(v[1], v[0]); },
       {x_NED, random_tensor({e, e}, 2).to(at::kFloat)}},
      {[&](const std::vector<at::Tensor>& v) {
         return hypergraph_mix(v[0], incidence_csr(graph, at::kCPU), v[1], Weighting::pyg, v[2]);
       },
       {x_NED, random_tensor({6}, 2).to(at::kFloat).abs() + 0.2,
        random_tensor({d}, 3).to(at::kFloat)}},
      {[](const std::vector<at::Tensor>& v) { return gnn_message(v[0], v[1], v[2], v[3]); },
       {x_NED, random_tensor({1, 2 * d}, 2).to(at::kFloat), random_tensor({1}, 3).to(at::kFloat),
        random_tensor({e, e}, 4).to(at::kFloat)}}};
  const int threads_before = at::get_num_threads();
  const at::Tensor cotangent = random_tensor({n, e, d}, 9).to(at::kFloat);
  for (const auto& [operation, inputs] : calls) {
    std::vector<at::Tensor> expected;
    for (const int threads : {1, 2, 3, 5}) {
      at::set_num_threads(threads);
      std::vector<at::Tensor> found = gradients(operation, inputs, cotangent);
      found.push_back(operation(inputs));
      if (expected.empty()) expected = found;
      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_TRUE(at::equal(found[i], expected[i])) << threads << " threads, tensor " << i;
      }
    }
  }
  at::set_num_threads(threads_before);
}

TEST(PairwiseCases, MeetEveryAllowedPair) {
  const std::vector<std::size_t> levels{4, 3, 2, 5};
  const auto allowed = [](const Levels& l) {
    return l[0] == kNoLevel || l[3] == kNoLevel || l[0] + l[3] != 7;
  };
  const auto cases = pairwise_cases(levels, allowed);
  EXPECT_LT(cases.size(), 40U);  // the full product has 114
  for (std::size_t f = 0; f < levels.size(); ++f) {
    for (std::size_t g = f + 1; g < levels.size(); ++g) {
      for (std::size_t a = 0; a < levels[f]; ++a) {
        for (std::size_t b = 0; b < levels[g]; ++b) {
          const bool found = std::any_of(cases.begin(), cases.end(),
                                         [&](const Levels& l) { return l[f] == a && l[g] == b; });
          EXPECT_EQ(found, !(f == 0 && g == 3 && a + b == 7)) << f << a << g << b;
        }
      }
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::ops::testing
