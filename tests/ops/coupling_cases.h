// expert_mix, hypergraph_mix and gnn_message over all pairs of sizes, types, hypergraphs and
// layouts, forward and every gradient, against dense products in float64 on the CPU; for the tests
// of each device.
#pragma once

#include <algorithm>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/pairwise.h"
#include "tests/support/tensors.h"

#include "hgnn_moe/ops/expert_mix.h"
#include "hgnn_moe/ops/gnn_message.h"
#include "hgnn_moe/ops/hypergraph_mix.h"

namespace hgnn_moe::ops::testing {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::kNoLevel;
using ::hgnn_moe::testing::Levels;
using ::hgnn_moe::testing::pairwise_cases;
using ::hgnn_moe::testing::random_tensor;

enum class Graphs { pairs, triplets, all, random };
enum class Layout { contiguous, transposed, misaligned };

inline const std::vector<std::int64_t> kExperts{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                                12, 13, 14, 15, 16, 17, 32, 33, 64, 65};
inline const std::vector<std::int64_t> kDims{1, 3, 7, 64, 384, 1000};
inline const std::vector<std::int64_t> kTokens{0, 1, 13, 70000};
inline const std::vector<at::ScalarType> kTypes{at::kFloat, at::kBFloat16, at::kDouble};
inline const std::vector<Graphs> kGraphs{Graphs::pairs, Graphs::triplets, Graphs::all,
                                         Graphs::random};
inline const std::vector<Layout> kLayouts{Layout::contiguous, Layout::transposed,
                                          Layout::misaligned};
inline const std::vector<Weighting> kWeightings{Weighting::pyg, Weighting::paper};

struct Case {
  std::int64_t experts, dim, tokens;
  at::ScalarType type;
  Graphs graphs;
  Layout layout;
  Weighting weighting;
  bool per_token;
};

inline Case case_of(const Levels& l) {
  return {kExperts[l[0]], kDims[l[1]],    kTokens[l[2]],     kTypes[l[3]],
          kGraphs[l[4]],  kLayouts[l[5]], kWeightings[l[6]], l[7] == 1};
}

// About a third of the experts in each hyperedge; one hyperedge is empty, one holds all experts,
// and the last expert is in no other.
inline Hypergraph random_hypergraph(std::int64_t experts) {
  std::mt19937 random(static_cast<unsigned>(experts));
  Hypergraph graph{experts, {{}}};
  for (std::int64_t m = 0; m < experts + 2; ++m) {
    std::vector<std::int64_t> members;
    for (std::int64_t i = 0; i + 1 < experts; ++i) {
      if (random() % 3 == 0) members.push_back(i);
    }
    std::shuffle(members.begin(), members.end(), random);
    graph.hyperedges.push_back(members);
  }
  if (experts % 2 == 0) {  // else the last expert is isolated
    graph.hyperedges.emplace_back();
    for (std::int64_t i = 0; i < experts; ++i) graph.hyperedges.back().push_back(i);
  }
  return graph;
}

inline Hypergraph hypergraph_of(Graphs graphs, std::int64_t experts) {
  switch (graphs) {
    case Graphs::pairs:
      return complete_uniform_hypergraph(experts, 2);
    case Graphs::triplets:
      return complete_uniform_hypergraph(experts, 3);
    case Graphs::all:
      return complete_uniform_hypergraph(experts, experts);
    case Graphs::random:
      break;
  }
  return random_hypergraph(experts);
}

inline std::int64_t triplets(std::int64_t e) { return e * (e - 1) * (e - 2) / 6; }

// At most four million elements, 2,024 hyperedges, and dense references that fit into memory. A
// factor without a level counts with its smallest value.
inline bool is_allowed(const Levels& l) {
  const auto value = [&](std::size_t factor, const std::vector<std::int64_t>& values) {
    return l[factor] == kNoLevel ? values.front() : values[l[factor]];
  };
  const std::int64_t e = value(0, kExperts), d = value(1, kDims), n = value(2, kTokens);
  const bool per_token = l[7] != kNoLevel && l[7] == 1;
  const bool has_triplets = l[4] != kNoLevel && kGraphs[l[4]] == Graphs::triplets;
  if (has_triplets && triplets(e) > 2024) return false;
  const std::int64_t hyperedges = has_triplets ? triplets(e) : e * (e - 1) / 2;
  return n * e * d <= (n > 65535 ? 64 * n : 4'000'000) && n * e * e <= 6'000'000 &&
         (!per_token || n * hyperedges <= 4'000'000);
}

inline std::vector<Case> all_cases() {
  const auto choices = pairwise_cases({kExperts.size(), kDims.size(), kTokens.size(), kTypes.size(),
                                       kGraphs.size(), kLayouts.size(), kWeightings.size(), 2},
                                      is_allowed);
  std::vector<Case> cases;
  for (const Levels& choice : choices) cases.push_back(case_of(choice));
  return cases;
}

// The same values in another layout: strides of a transposed tensor, or an address that is a
// multiple of nothing but the element size.
inline at::Tensor laid_out(const at::Tensor& x_NED, Layout layout) {
  switch (layout) {
    case Layout::contiguous:
      return x_NED;
    case Layout::transposed:
      return x_NED.permute({2, 1, 0}).contiguous().permute({2, 1, 0});
    case Layout::misaligned:
      break;
  }
  const at::Tensor buffer = at::zeros({x_NED.numel() + 1}, x_NED.options());
  return buffer.narrow(0, 1, x_NED.numel()).view(x_NED.sizes()).copy_(x_NED);
}

inline std::string describe(const Case& c) {
  std::ostringstream text;
  text << "N " << c.tokens << " E " << c.experts << " D " << c.dim << ' ' << c.type << " graph "
       << static_cast<int>(c.graphs) << " layout " << static_cast<int>(c.layout) << " weighting "
       << static_cast<int>(c.weighting) << " per token " << c.per_token;
  return text.str();
}

using Operation = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

// inputs[0] is x; the others are weights in float32 or better. `terms` is the longest sum of a
// token, and a weight's gradient sums over all of them.
inline void expect_equal(const Case& c, const Operation& ours, const Operation& reference,
                         const std::vector<at::Tensor>& inputs, double terms) {
  std::vector<at::Tensor> exact;
  for (const at::Tensor& input : inputs) exact.push_back(input.to(at::kCPU, at::kDouble));
  // A bfloat16 result is a sum in float32, rounded once.
  const double x_terms = c.type == at::kBFloat16 ? 1 : terms;
  const at::Tensor expected = reference(exact);
  EXPECT_TRUE(close(ours(inputs), expected, x_terms));
  const at::Tensor cotangent = random_tensor(expected.sizes(), 9).to(c.type);
  const at::Tensor on_device = laid_out(cotangent.to(inputs[0].device()), c.layout);
  const auto actual_gradients = gradients(ours, inputs, on_device);
  const auto expected_gradients = gradients(reference, exact, cotangent.to(at::kDouble));
  EXPECT_TRUE(close(actual_gradients[0], expected_gradients[0], x_terms)) << "gradient of x";
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    EXPECT_EQ(actual_gradients[i].scalar_type(), inputs[i].scalar_type());
    // Sums of random signs over N tokens grow with their root, as does their rounding.
    const double tokens = std::sqrt(static_cast<double>(c.tokens)) + 1;
    EXPECT_TRUE(close(actual_gradients[i], expected_gradients[i], terms * tokens))
        << "gradient of input " << i;
  }
}

inline at::Tensor dense_product(const at::Tensor& mixing, const at::Tensor& x_NED) {
  return at::bmm(
      mixing.dim() == 3 ? mixing : mixing.expand({x_NED.size(0), mixing.size(0), mixing.size(1)}),
      x_NED);
}

// Of one element type.
class CouplingCases : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  explicit CouplingCases(at::Device device = at::kCPU) : device_(device) {}

  void expert_mix_cases() const {
    for_each_case([&](const Case& c, const at::Tensor& x_NED) {
      const std::int64_t rows = c.graphs == Graphs::all ? 1 : c.experts;
      const at::Tensor mixing = c.per_token ? random_tensor({c.tokens, rows, c.experts}, 2)
                                            : random_tensor({rows, c.experts}, 2);
      expect_equal(
          c, [](const auto& in) { return expert_mix(in[1], in[0]); },
          [](const auto& in) { return dense_product(in[1], in[0]); }, {x_NED, weight(mixing)},
          static_cast<double>(c.experts + c.dim));
    });
  }

  void hypergraph_mix_cases() const {
    for_each_case([&](const Case& c, const at::Tensor& x_NED) {
      const Hypergraph graph = hypergraph_of(c.graphs, c.experts);
      const std::int64_t m = graph.num_hyperedges();
      // Positive weights keep degrees away from zero, where 1/d is ill-conditioned.
      const at::Tensor weights =
          (c.per_token ? random_tensor({c.tokens, m}, 2) : random_tensor({m}, 2)).abs() + 0.2;
      const IncidenceCsr csr = incidence_csr(graph, device_);
      const at::Tensor incidence_EM = incidence_matrix(graph, at::kDouble);
      expect_equal(
          c, [&](const auto& in) { return hypergraph_mix(in[0], csr, in[1], c.weighting, in[2]); },
          [&](const auto& in) {
            return dense_product(mixing_matrix(incidence_EM, in[1], c.weighting), in[0]) + in[2];
          },
          {x_NED, weight(weights), weight(random_tensor({c.dim}, 3))},
          static_cast<double>(c.experts + c.dim + m));
    });
  }

  void gnn_message_cases() const {
    for_each_case([&](const Case& c, const at::Tensor& x_NED) {
      // Scores of size 1, so that gates are neither all open nor all shut.
      const at::Tensor message_weight =
          random_tensor({1, 2 * c.dim}, 2) / std::sqrt(static_cast<double>(c.dim));
      expect_equal(
          c, [](const auto& in) { return gnn_message(in[0], in[1], in[2], in[3]); },
          [](const auto& in) {
            return dense_product(gnn_message_matrix(in[0], in[1], in[2], in[3]), in[0]);
          },
          {x_NED, weight(message_weight), weight(random_tensor({1}, 3)),
           weight(random_tensor({c.experts, c.experts}, 4))},
          static_cast<double>(c.experts + c.dim) * std::sqrt(static_cast<double>(c.experts)));
    });
  }

 private:
  template <typename Check>
  void for_each_case(Check check) const {
    std::size_t count = 0;
    for (const Case& c : all_cases()) {
      if (c.type != GetParam()) continue;
      SCOPED_TRACE(describe(c));
      const at::Tensor values = random_tensor({c.tokens, c.experts, c.dim}, 1).to(device_, c.type);
      check(c, laid_out(values, c.layout));
      ++count;
    }
    EXPECT_GE(count, kExperts.size());
  }

  at::Tensor weight(const at::Tensor& values) const {
    return values.to(device_, GetParam() == at::kDouble ? at::kDouble : at::kFloat);
  }

  at::Device device_;
};

}  // namespace hgnn_moe::ops::testing
