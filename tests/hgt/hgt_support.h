// A small graph of several types, and what tests of the model ask of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "tests/support/tensors.h"

#include "hgnn_moe/hgt/block_tensors.h"
#include "hgnn_moe/hgt/parameters.h"
#include "hgnn_moe/hgt/schema.h"
#include "hgnn_moe/hgt/tiled_inference.h"
#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::testing {

inline constexpr std::int32_t kSmallGraphNodes = 40;

// Drugs [0, 12), genes [12, 30), diseases [30, 37), side effects [37, 40). Nothing leads to a side
// effect, the relation `binds` has no edges, and some nodes of other types have none either.
inline kg::Graph small_graph() {
  kg::Graph graph;
  graph.node_types = {
      {"drug", 0, 12}, {"gene/protein", 12, 18}, {"disease", 30, 7}, {"side effect", 37, 3}};
  graph.node_sources =
      kg::SharedArray<std::int32_t>(std::vector<std::int32_t>(kSmallGraphNodes, 0));
  std::mt19937 engine(5);
  const auto add = [&](std::int32_t head, const char* name, std::int32_t tail, int count) {
    std::vector<kg::Edge> edges;
    const auto draw = [&](std::int32_t type) {
      const kg::NodeType& of = graph.node_types[type];
      // The last node of a type has no edge.
      return of.first + static_cast<std::int32_t>(engine() % (of.count - 1));
    };
    for (int e = 0; e < count; ++e) edges.push_back({draw(head), draw(tail)});
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    kg::Relation relation;
    relation.head_type = head;
    relation.name = name;
    relation.tail_type = tail;
    relation.edges = kg::SharedArray<kg::Edge>(edges);
    graph.relations.push_back(relation);
  };
  add(0, "targets", 1, 30);
  add(0, "binds", 1, 0);
  add(1, "causes", 2, 25);
  add(1, "interacts", 1, 40);
  add(2, "causes_reverse", 1, 25);
  add(3, "of", 0, 9);
  return graph;
}

inline kg::Block whole_block(const kg::Graph& graph) {
  return hgt::block_of_nodes(graph, 0, graph.node_count());
}

// Random values in place of ones and zeros: what is forgotten must show.
inline void disturb(const ParameterList& parameters) {
  const c10::NoGradGuard no_grad;
  std::uint64_t seed = 100;
  for (const NamedParameter& parameter : parameters) {
    parameter.tensor.add_(
        0.3 * random_tensor(parameter.tensor.sizes(), ++seed).to(parameter.tensor.scalar_type()));
  }
}

inline ::testing::AssertionResult within(const at::Tensor& actual, const at::Tensor& expected,
                                         double relative) {
  if (actual.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure()
           << "shapes " << actual.sizes() << " and " << expected.sizes();
  }
  if (actual.numel() == 0) return ::testing::AssertionSuccess();
  const at::Tensor a = actual.detach().to(at::kDouble), e = expected.detach().to(at::kDouble);
  const double difference = (a - e).abs().max().item<double>();
  const double size = e.abs().max().item<double>();
  if (difference <= relative * size) return ::testing::AssertionSuccess();  // false for NaN
  return ::testing::AssertionFailure() << "differs by " << difference << " where it is " << size;
}

}  // namespace hgnn_moe::testing
