// Plain double-precision loops that the kernels are held against; no LibTorch, so that sanitizers
// see the kernels alone.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace hgnn_moe::testing {

using Values = std::vector<double>;

inline Values random_values(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Values values(count);
  for (double& v : values) v = normal(random);
  return values;
}

// out [N, rows, D] = mixing [rows, E], of token n at n * stride, times x [N, E, D].
inline Values mix(const Values& mixing, std::int64_t stride, const Values& x, std::int64_t n,
                  std::int64_t rows, std::int64_t e, std::int64_t d) {
  Values out(static_cast<std::size_t>(n * rows * d));
  for (std::int64_t t = 0; t < n; ++t) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t c = 0; c < d; ++c) {
        double sum = 0;
        for (std::int64_t j = 0; j < e; ++j) {
          sum += mixing[t * stride + i * e + j] * x[(t * e + j) * d + c];
        }
        out[(t * rows + i) * d + c] = sum;
      }
    }
  }
  return out;
}

// y_n x_n^T of every token: [N, rows, E].
inline Values outer(const Values& y, const Values& x, std::int64_t n, std::int64_t rows,
                    std::int64_t e, std::int64_t d) {
  Values out(static_cast<std::size_t>(n * rows * e));
  for (std::int64_t t = 0; t < n; ++t) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < e; ++j) {
        double sum = 0;
        for (std::int64_t c = 0; c < d; ++c) {
          sum += y[(t * rows + i) * d + c] * x[(t * e + j) * d + c];
        }
        out[(t * rows + i) * e + j] = sum;
      }
    }
  }
  return out;
}

// values [N, size] summed over N.
inline Values sum_rows(const Values& values, std::size_t size) {
  Values sum(size, 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) sum[i % size] += values[i];
  return sum;
}

struct PlainHypergraph {
  std::int64_t experts = 0;
  std::vector<std::vector<std::int64_t>> hyperedges;

  std::int64_t size() const { return static_cast<std::int64_t>(hyperedges.size()); }
};

// P of one token's weights w[0] ... w[M - 1]; degrees are not near zero unless exactly zero.
inline Values mixing_of(const PlainHypergraph& graph, const double* w, bool weights_in_products) {
  const std::int64_t e = graph.experts;
  Values p(static_cast<std::size_t>(e * e), 0.0), degree(static_cast<std::size_t>(e), 0.0);
  for (std::int64_t m = 0; m < graph.size(); ++m) {
    const auto& members = graph.hyperedges[m];
    for (const std::int64_t i : members) {
      degree[i] += w[m];
      for (const std::int64_t j : members) {
        p[i * e + j] += (weights_in_products ? w[m] : 1.0) / static_cast<double>(members.size());
      }
    }
  }
  for (std::int64_t i = 0; i < e; ++i) {
    for (std::int64_t j = 0; j < e; ++j) p[i * e + j] *= degree[i] == 0 ? 0 : 1 / degree[i];
  }
  return p;
}

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// K of one token: x [E, D], w [2, D], adjacency [E, E] after the sigmoid.
inline Values gates_of(const double* x, const Values& w, double bias, const Values& adjacency,
                       std::int64_t e, std::int64_t d) {
  Values k(static_cast<std::size_t>(e * e), 0.0);
  for (std::int64_t i = 0; i < e; ++i) {
    for (std::int64_t j = 0; j < e; ++j) {
      if (i == j) continue;
      double score = bias;
      for (std::int64_t c = 0; c < d; ++c) score += w[c] * x[i * d + c] + w[d + c] * x[j * d + c];
      k[i * e + j] = sigmoid(score) * adjacency[i * e + j];
    }
  }
  return k;
}

}  // namespace hgnn_moe::testing
