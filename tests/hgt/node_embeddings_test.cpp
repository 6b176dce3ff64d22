#include "hgnn_moe/hgt/node_embeddings.h"

#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

namespace hgnn_moe::hgt {
namespace {

// Two drugs and three diseases.
kg::Graph graph_with_ids(const std::vector<std::string>& ids,
                         const std::vector<std::int32_t>& sources) {
  kg::Graph graph = kg::testing::make_graph({{"drug", 2}, {"disease", 3}}, {});
  graph.node_ids = kg::testing::texts_of(ids);
  graph.sources = {"A", "B"};
  graph.node_sources = kg::SharedArray<std::int32_t>(std::vector<std::int32_t>(sources));
  return graph;
}

std::vector<std::string> texts(const kg::TextArray& array, std::int32_t size) {
  std::vector<std::string> list;
  for (std::int32_t i = 0; i < size; ++i) list.emplace_back(array[i]);
  return list;
}

TEST(NodeEmbeddings, TypeAndIdAreAKeyInFiles) {
  // 5 is a drug's id as well, which is no collision.
  const kg::Graph graph = graph_with_ids({"5", "6", "5", "7", "5"}, {0, 0, 0, 0, 1});
  const Embeddings embeddings = embeddings_of(graph, at::zeros({5, 2}));
  EXPECT_EQ(texts(embeddings.node_ids, 5), (std::vector<std::string>{"5", "6", "A:5", "7", "B:5"}));
  ASSERT_EQ(embeddings.notes.size(), 1u);
  EXPECT_EQ(embeddings.notes[0].rfind("2 nodes are called SOURCE:ID", 0), 0u);
  EXPECT_TRUE(
      embeddings_of(graph_with_ids({"1", "2", "1", "2", "3"}, {0, 0, 0, 0, 0}), at::zeros({5, 2}))
          .notes.empty());
}

TEST(NodeEmbeddings, OneTypeIsItsRows) {
  const kg::Graph graph = graph_with_ids({"a", "b", "c", "d", "e"}, {0, 0, 0, 0, 0});
  const at::Tensor values = at::arange(10, at::kFloat).reshape({5, 2});
  const Embeddings part = of_node_type(embeddings_of(graph, values), graph.node_types[1]);
  EXPECT_TRUE(part.values_NF.equal(values.narrow(0, 2, 3)));
  EXPECT_TRUE(part.values_NF.is_contiguous());
  EXPECT_EQ(part.type_names, std::vector<std::string>{"disease"});
  EXPECT_EQ(part.node_types, (std::vector<std::int32_t>{0, 0, 0}));
  EXPECT_EQ(texts(part.node_ids, 3), (std::vector<std::string>{"c", "d", "e"}));
  EXPECT_EQ(texts(part.node_names, 3), (std::vector<std::string>{"Node 2", "Node 3", "Node 4"}));
}

}  // namespace
}  // namespace hgnn_moe::hgt
