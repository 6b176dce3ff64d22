// Which row of a file of embeddings is which node.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "hgnn_moe/hgt/embedding_file.h"
#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::hgt {

inline constexpr std::int32_t kNoRow = -1;

// Throws Error(data), with their number and the first few, where several rows of `path` have the
// same type and id. Where the file has no types, these may be different nodes: then it is a note.
void check_keys(const std::filesystem::path& path, Embeddings& embeddings);

// The row of each node of the graph, kNoRow where it has none. A node is found by its type and what
// file_ids calls it, by that id alone where the embeddings have no types; what is found twice, on
// either side, has no row.
std::vector<std::int32_t> rows_of_nodes(const kg::Graph& graph, const Embeddings& embeddings);

}  // namespace hgnn_moe::hgt
