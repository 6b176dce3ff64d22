// Graphs in one file that is mapped instead of parsed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hgnn_moe/kg/readers.h"

namespace hgnn_moe::kg {

// The format below; another number makes older files unusable.
inline constexpr int kCacheVersion = 1;

// The file is a safetensors file: node_ids.offsets and node_names.offsets (I64), node_sources and
// edges.PART.RELATION (I32, [edges, 2]: head, tail), node_ids.bytes and node_names.bytes (U8). Its
// metadata hold the version, `key`, types, relations and reports as JSON, and a checksum of all of
// it. `parts` are parts of one graph, as read_triples returns them, or one graph alone. Throws
// Error(disk).
void write_cache(const std::filesystem::path& path, const std::string& key,
                 const std::vector<LoadedGraph>& parts);

// What write_cache was given; the arrays lie in the mapped file. Throws Error(data) for a file of
// another version or key and for a damaged one.
std::vector<LoadedGraph> read_cache(const std::filesystem::path& path, const std::string& key);

}  // namespace hgnn_moe::kg
