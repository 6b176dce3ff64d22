#include "embedding_rows.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/hgt/node_embeddings.h"

namespace hgnn_moe::hgt {
namespace {

// Type and id in one text; no id holds the byte between them.
std::string key_of(std::string_view type, std::string_view id) {
  std::string key(type);
  key += '\0';
  key += id;
  return key;
}

std::string_view type_of_row(const Embeddings& embeddings, std::int32_t row) {
  if (!embeddings.is_typed) return "";
  return embeddings.type_names[static_cast<std::size_t>(embeddings.node_types[row])];
}

// "gene:5", or "5" of a file without types.
std::string title_of_row(const Embeddings& embeddings, std::int32_t row) {
  const std::string_view id = embeddings.node_ids[row];
  return embeddings.is_typed ? fmt::format("{}:{}", type_of_row(embeddings, row), id)
                             : std::string(id);
}

// The row of each key, kNoRow where several have it.
std::unordered_map<std::string, std::int32_t> rows_by_key(const Embeddings& embeddings) {
  std::unordered_map<std::string, std::int32_t> rows;
  for (std::int32_t row = 0; row < embeddings.nodes(); ++row) {
    const auto [place, is_new] =
        rows.emplace(key_of(type_of_row(embeddings, row), embeddings.node_ids[row]), row);
    if (!is_new) place->second = kNoRow;
  }
  return rows;
}

}  // namespace

void check_keys(const std::filesystem::path& path, Embeddings& embeddings) {
  std::unordered_map<std::string, std::int32_t> first_row;
  std::vector<std::string> repeated;
  for (std::int32_t row = 0; row < embeddings.nodes(); ++row) {
    const auto [place, is_new] =
        first_row.emplace(key_of(type_of_row(embeddings, row), embeddings.node_ids[row]), row);
    if (is_new) continue;
    repeated.push_back(
        fmt::format("{} (rows {} and {})", title_of_row(embeddings, row), place->second, row));
  }
  if (repeated.empty()) return;
  if (embeddings.is_typed) {
    fail(ExitCode::data,
         "'{}' has {} rows with the type and id of an earlier row, counted from 0: {}; give each "
         "node of a type its own id",
         path.string(), repeated.size(), first_few(repeated));
  }
  embeddings.notes.push_back(
      fmt::format("{} rows have the id of an earlier row, counted from 0: {}; without types "
                  "nothing tells whether they are the same nodes",
                  repeated.size(), first_few(repeated)));
}

std::vector<std::int32_t> rows_of_nodes(const kg::Graph& graph, const Embeddings& embeddings) {
  const auto rows = rows_by_key(embeddings);
  const kg::TextArray ids = file_ids(graph).ids;
  std::vector<std::int32_t> row_of(static_cast<std::size_t>(graph.node_count()), kNoRow);
  std::vector<std::int32_t> claims(static_cast<std::size_t>(embeddings.nodes()), 0);
  for (const kg::NodeType& type : graph.node_types) {
    for (std::int32_t node = type.first; node < type.first + type.count; ++node) {
      const std::string_view name = embeddings.is_typed ? std::string_view(type.name) : "";
      const auto found = rows.find(key_of(name, ids[node]));
      if (found == rows.end() || found->second == kNoRow) continue;
      row_of[static_cast<std::size_t>(node)] = found->second;
      ++claims[static_cast<std::size_t>(found->second)];
    }
  }
  for (std::int32_t& row : row_of) {
    if (row != kNoRow && claims[static_cast<std::size_t>(row)] > 1) row = kNoRow;
  }
  return row_of;
}

}  // namespace hgnn_moe::hgt
