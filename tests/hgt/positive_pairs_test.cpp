#include "hgnn_moe/hgt/positive_pairs.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/hgt/embedding_cases.h"

#include "hgnn_moe/kg/readers.h"

namespace hgnn_moe::hgt {
namespace {

Embeddings nodes(const std::vector<std::pair<std::string, std::string>>& types_and_ids,
                 bool is_typed) {
  Embeddings embeddings;
  embeddings.is_typed = is_typed;
  embeddings.type_names = {"drug", "gene"};
  embeddings.values_NF =
      at::zeros({static_cast<std::int64_t>(types_and_ids.size()), 2}, at::kFloat);
  kg::TextList ids;
  for (const auto& [type, id] : types_and_ids) {
    ids.add(id);
    embeddings.node_types.push_back(type == "gene");
  }
  embeddings.node_ids = std::move(ids).share();
  return embeddings;
}

kg::Graph graph_of(const std::string& rows) {
  const std::string header =
      "relation,display_relation,x_index,x_id,x_type,x_name,x_source,"
      "y_index,y_id,y_type,y_name,y_source\n";
  return kg::read_primekg({header + rows, "kg.csv"}).graph;
}

std::vector<std::pair<int, int>> found(const PositivePairs& pairs) {
  std::vector<std::pair<int, int>> list;
  for (std::size_t i = 0; i < pairs.heads.size(); ++i) {
    list.emplace_back(pairs.heads[i], pairs.tails[i]);
  }
  return list;
}

using Pairs = std::vector<std::pair<int, int>>;

TEST(PositivePairs, AreFoundByTypeAndId) {
  const kg::Graph graph = graph_of(
      "r,r,0,1,drug,a,S,1,1,gene,b,S\n"    // the same id, other types
      "r,r,0,1,drug,a,S,2,2,gene,c,S\n"    // gene 2 has no embedding
      "s,s,0,1,drug,a,S,0,1,drug,a,S\n");  // a self-loop
  const PositivePairs pairs = positive_pairs(graph, nodes({{"gene", "1"}, {"drug", "1"}}, true));
  EXPECT_EQ(found(pairs), (Pairs{{1, 0}}));
  EXPECT_EQ(pairs.left_out, 1);
}

TEST(PositivePairs, AreFoundByIdAloneWhereThereAreNoTypes) {
  const kg::Graph graph = graph_of("r,r,0,x,drug,a,S,1,y,gene,b,S\n");
  EXPECT_EQ(found(positive_pairs(graph, nodes({{"", "y"}, {"", "x"}}, false))), (Pairs{{1, 0}}));
}

TEST(PositivePairs, WhatIsFoundTwiceIsLeftOut) {
  const kg::Graph graph = graph_of(
      "r,r,0,1,drug,a,S,1,1,gene,b,S\n"
      "r,r,0,1,drug,a,OTHER,1,1,gene,b,S\n");
  // Two drugs 1 in the graph.
  const PositivePairs pairs = positive_pairs(graph, nodes({{"gene", "1"}, {"drug", "1"}}, true));
  EXPECT_TRUE(found(pairs).empty());
  EXPECT_EQ(pairs.left_out, 2);
  // Two genes 2 in the file.
  const kg::Graph plain = graph_of("r,r,0,1,drug,a,S,1,2,gene,b,S\n");
  const PositivePairs none =
      positive_pairs(plain, nodes({{"gene", "2"}, {"gene", "2"}, {"drug", "1"}}, true));
  EXPECT_TRUE(found(none).empty());
  EXPECT_EQ(none.left_out, 1);
}

}  // namespace
}  // namespace hgnn_moe::hgt
