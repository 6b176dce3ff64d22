// Features of the nodes of a graph from a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::hgt {

struct GivenFeatures {
  at::Tensor values_NF;            // float32 on the CPU, [nodes, F] in the graph's order
  std::filesystem::path path;      // absolute
  std::string content_hash;        // of values_NF: other formats and other rows do not change it
  std::vector<std::string> notes;  // for the log

  bool is_given() const { return values_NF.defined(); }
  std::int64_t width() const { return is_given() ? values_NF.size(1) : 0; }
};

// Reads a file of embeddings (embedding_file.h) and takes the row of each node of the graph, found
// by type and id, by the id alone where the file has no types; other rows are counted in a note.
// Throws Error(data) where nodes have no row or numbers that are not finite, with their number and
// the first few, and what read_embeddings throws.
GivenFeatures read_given_features(const std::filesystem::path& path, const kg::Graph& graph);

}  // namespace hgnn_moe::hgt
