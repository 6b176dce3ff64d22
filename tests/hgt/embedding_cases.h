// Embeddings for tests: good ones, and the ways in which they collapse.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "tests/support/tensors.h"

#include "hgnn_moe/hgt/embedding_file.h"
#include "hgnn_moe/kg/text_list.h"

namespace hgnn_moe::hgt::testing {

using hgnn_moe::testing::random_tensor;

// Rows of one type after the other, with ids "TYPE-ROW" and names "name of TYPE-ROW".
inline Embeddings embeddings_of(const std::vector<std::pair<std::string, at::Tensor>>& types) {
  Embeddings embeddings;
  std::vector<at::Tensor> values;
  kg::TextList ids, names;
  for (const auto& [name, rows] : types) {
    for (std::int64_t row = 0; row < rows.size(0); ++row) {
      const std::string id = name + "-" + std::to_string(row);
      ids.add(id);
      names.add("name of " + id);
      embeddings.node_types.push_back(static_cast<std::int32_t>(embeddings.type_names.size()));
    }
    embeddings.type_names.push_back(name);
    values.push_back(rows.to(at::kFloat));
  }
  embeddings.values_NF = at::cat(values).contiguous();
  embeddings.node_ids = std::move(ids).share();
  embeddings.node_names = std::move(names).share();
  return embeddings;
}

inline std::vector<float> values_of(const Embeddings& embeddings) {
  const float* data = embeddings.values_NF.const_data_ptr<float>();
  return {data, data + embeddings.values_NF.numel()};
}

inline at::Tensor gaussian(std::int64_t rows, std::int64_t width, std::uint64_t seed) {
  return random_tensor({rows, width}, seed);
}

// From 0 to 1, by the rank of independent normal values: a normal value's distribution function.
inline at::Tensor uniform(std::int64_t rows, std::int64_t width, std::uint64_t seed) {
  return at::special_ndtr(gaussian(rows, width, seed));
}

// The same row each time.
inline at::Tensor constant(std::int64_t rows, std::int64_t width, std::uint64_t seed) {
  return gaussian(1, width, seed).expand({rows, width});
}

// One of two rows each, with noise of this size.
inline at::Tensor two_groups(std::int64_t rows, std::int64_t width, double noise,
                             std::uint64_t seed) {
  const at::Tensor which = at::arange(rows, at::kLong).remainder(2);
  return gaussian(2, width, seed).index_select(0, which) + noise * gaussian(rows, width, seed + 1);
}

inline at::Tensor of_rank(std::int64_t rank, std::int64_t rows, std::int64_t width,
                          std::uint64_t seed) {
  return gaussian(rows, rank, seed).mm(gaussian(rank, width, seed + 1));
}

// Noise of full rank on a common direction.
inline at::Tensor one_direction(std::int64_t rows, std::int64_t width, double noise,
                                std::uint64_t seed) {
  return constant(rows, width, seed) + noise * gaussian(rows, width, seed + 1);
}

// A random rotation.
inline at::Tensor rotation(std::int64_t width, std::uint64_t seed) {
  return std::get<0>(at::linalg_qr(gaussian(width, width, seed)));
}

}  // namespace hgnn_moe::hgt::testing
