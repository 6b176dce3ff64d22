#include "hgnn_moe/hgt/given_features.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "embedding_rows.h"
#include "index_tensor.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/hash.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/hgt/embedding_file.h"

namespace hgnn_moe::hgt {
namespace {

std::string title_of_node(const kg::Graph& graph, std::int32_t node) {
  const kg::NodeType& type = graph.node_types[kg::type_of_node(graph, node)];
  return fmt::format("{}:{}", type.name, graph.node_ids[node]);
}

void check_rows(const std::filesystem::path& path, const kg::Graph& graph,
                const Embeddings& embeddings, const std::vector<std::int32_t>& rows) {
  std::vector<std::string> missing;
  for (std::int32_t node = 0; node < graph.node_count(); ++node) {
    if (rows[static_cast<std::size_t>(node)] == kNoRow) {
      missing.push_back(title_of_node(graph, node));
    }
  }
  if (missing.empty()) return;
  fail(ExitCode::data,
       "features '{}' have no row of their own for {} of the graph's {} nodes: {}; give each node "
       "one with its {}",
       path.string(), missing.size(), graph.node_count(), first_few(missing),
       embeddings.is_typed ? "type and id" : "id and, where types share ids, its type");
}

void check_numbers(const std::filesystem::path& path, const kg::Graph& graph,
                   const at::Tensor& values_NF) {
  const at::Tensor is_bad = at::isfinite(values_NF).all(1).logical_not().contiguous();
  std::vector<std::string> bad;
  for (std::int32_t node = 0; node < graph.node_count(); ++node) {
    if (is_bad.const_data_ptr<bool>()[node]) bad.push_back(title_of_node(graph, node));
  }
  if (bad.empty()) return;
  fail(ExitCode::data, "features '{}' of {} nodes hold NaN or infinities: {}; give finite numbers",
       path.string(), bad.size(), first_few(bad));
}

}  // namespace

GivenFeatures read_given_features(const std::filesystem::path& path, const kg::Graph& graph) {
  const Embeddings embeddings = read_embeddings(path);
  const std::vector<std::int32_t> rows = rows_of_nodes(graph, embeddings);
  check_rows(path, graph, embeddings, rows);
  GivenFeatures features;
  features.values_NF = embeddings.values_NF.index_select(0, index_tensor(rows, at::kCPU));
  check_numbers(path, graph, features.values_NF);
  features.path = std::filesystem::absolute(path);
  Xxh3 hash;
  const std::int64_t shape[] = {features.values_NF.size(0), features.width()};
  hash.update(shape, sizeof(shape));
  hash.update(features.values_NF.const_data_ptr(), features.values_NF.nbytes());
  features.content_hash = hash.hex();
  features.notes = embeddings.notes;
  const std::int64_t unused = embeddings.nodes() - graph.node_count();
  features.notes.push_back(fmt::format("features: {} numbers of each node{}", features.width(),
                                       unused > 0 ? fmt::format(", from a file with {} more rows, "
                                                                "of nodes that the graph lacks",
                                                                unused)
                                                  : ""));
  return features;
}

}  // namespace hgnn_moe::hgt
