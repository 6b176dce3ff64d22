// Random heterogeneous graphs for tests of attention.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "tests/support/tensors.h"

#include "hgnn_moe/ops/hgt_attention.h"

namespace hgnn_moe::testing {

struct HgtCase {
  std::string name;
  std::int64_t sources, destinations, relations, edges_of_relation, heads, dim;
  double skew = 1.0;           // ends are u^skew, so that a few nodes have most edges
  std::int64_t used_rows = 0;  // ends are among the first so many nodes; 0: among all
};

inline std::ostream& operator<<(std::ostream& out, const HgtCase& c) { return out << c.name; }

// No edges; isolated destinations; one relation; edges that stand there more than once; many
// relations; skewed degrees, past the edges of one tile and chunk; either side smaller; heads 1 to
// 8; features around the vectors' sizes and odd.
inline const std::vector<HgtCase>& hgt_cases() {
  static const std::vector<HgtCase> cases{
      {"no edges", 5, 7, 3, 0, 2, 16},
      {"no nodes", 0, 0, 2, 0, 2, 16},
      {"one edge", 1, 1, 1, 1, 1, 1},
      {"one relation", 40, 30, 1, 200, 4, 8},
      {"isolated destinations", 30, 300, 2, 60, 2, 5},
      {"edges several times", 3, 4, 2, 60, 3, 7},
      {"many relations", 50, 50, 37, 40, 8, 4},
      {"fewer sources", 9, 200, 3, 500, 5, 16},
      {"fewer destinations", 200, 9, 3, 500, 5, 16},
      {"skewed degrees", 150, 150, 4, 1500, 2, 32, 4.0},
      {"a chunk of edges in one row", 700, 2, 2, 1300, 1, 3},
      {"edges among few of many nodes", 500, 400, 3, 30, 7, 17, 1.0, 6},
      {"wide heads", 20, 20, 2, 100, 1, 80},
  };
  return cases;
}

inline std::vector<ops::RelationEdges> random_edges(const HgtCase& c, std::uint32_t seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  const auto row = [&](std::int64_t nodes) {
    const std::int64_t among = c.used_rows > 0 ? std::min(c.used_rows, nodes) : nodes;
    const auto drawn =
        static_cast<std::int64_t>(std::pow(uniform(engine), c.skew) * static_cast<double>(among));
    return static_cast<std::int32_t>(std::min(drawn, among - 1));
  };
  std::vector<ops::RelationEdges> relations;
  for (std::int64_t r = 0; r < c.relations; ++r) {
    // With more than two relations the second has no edges.
    ops::RelationEdges edges{r, {}, {}};
    const std::int64_t count = r == 1 && c.relations > 2 ? 0 : c.edges_of_relation;
    for (std::int64_t e = 0; e < count; ++e) {
      edges.sources.push_back(row(c.sources));
      edges.destinations.push_back(row(c.destinations));
    }
    relations.push_back(edges);
  }
  return relations;
}

inline ops::HgtEdges random_hgt_edges(const HgtCase& c, std::uint32_t seed) {
  return ops::make_hgt_edges(c.sources, c.destinations, random_edges(c, seed));
}

// k, q, v, k_rel, v_rel, p_rel, of a size at which scores are about 1.
inline std::vector<at::Tensor> random_hgt_inputs(const HgtCase& c, at::ScalarType type) {
  const std::int64_t features = c.heads * c.dim;
  const double factor = 1 / std::sqrt(static_cast<double>(c.dim));
  const std::vector<std::int64_t> matrices{c.relations, c.heads, c.dim, c.dim};
  std::vector<at::Tensor> inputs{
      random_tensor({c.sources, features}, 1), random_tensor({c.destinations, features}, 2),
      random_tensor({c.sources, features}, 3), random_tensor(matrices, 4) * factor,
      random_tensor(matrices, 5) * factor,     1 + 0.5 * random_tensor({c.relations, c.heads}, 6)};
  for (at::Tensor& input : inputs) input = input.to(type);
  return inputs;
}

inline std::vector<at::Tensor> in_float64(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> result;
  for (const at::Tensor& tensor : tensors) result.push_back(tensor.to(at::kDouble));
  return result;
}

}  // namespace hgnn_moe::testing
