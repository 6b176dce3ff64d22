#include "hgnn_moe/hgt/given_features.h"

#include <cmath>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/kg/sampling_support.h"

#include "hgnn_moe/hgt/embedding_file.h"

namespace hgnn_moe::hgt {
namespace {

// Drugs id0 and id1, diseases id2 and id3.
const kg::Graph kGraph = kg::testing::make_graph({{"drug", 2}, {"disease", 2}}, {});

class GivenFeaturesTest : public ::testing::Test {
 protected:
  GivenFeatures read(const std::string& rows) const {
    put_file(path_, "node_type,node_id,emb_0,emb_1\n" + rows);
    return read_given_features(path_, kGraph);
  }

  std::string error(const std::string& rows) const {
    return message_of_error(ExitCode::data, [&] { read(rows); });
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "f.csv";
};

TEST_F(GivenFeaturesTest, ComeInTheGraphsOrder) {
  const GivenFeatures features = read(
      "disease,id3,7,8\n"
      "gene,id0,0,0\n"
      "drug,id1,3,4\n"
      "disease,id2,5,6\n"
      "disease,id0,9,9\n"
      "drug,id0,1,2\n");
  EXPECT_TRUE(features.values_NF.equal(at::arange(1, 9, at::kFloat).reshape({4, 2})))
      << features.values_NF;
  EXPECT_EQ(features.path, path_);
  ASSERT_EQ(features.notes.size(), 1u);
  EXPECT_EQ(features.notes[0],
            "features: 2 numbers of each node, from a file with 2 more rows, of nodes that the "
            "graph lacks");
}

TEST_F(GivenFeaturesTest, TheHashIsOfTheNumbersThatNodesHave) {
  const std::string rows = "drug,id0,1,2\ndrug,id1,3,4\ndisease,id2,5,6\ndisease,id3,7,8\n";
  const GivenFeatures features = read(rows);
  EXPECT_EQ(features.notes, std::vector<std::string>{"features: 2 numbers of each node"});
  EXPECT_EQ(read(rows + "gene,x,1,1\n").content_hash, features.content_hash);
  write_embeddings(folder_ / "f.npy", read_embeddings(path_));
  EXPECT_EQ(read_given_features(folder_ / "f.npy", kGraph).content_hash, features.content_hash);
  EXPECT_NE(read("drug,id0,1,2\ndrug,id1,3,4\ndisease,id2,5,6\ndisease,id3,7,9\n").content_hash,
            features.content_hash);
}

TEST_F(GivenFeaturesTest, NodesWithoutARowAreNamed) {
  EXPECT_EQ(error("drug,id2,1,1\n"),
            "features '" + path_.string() +
                "' have no row of their own for 4 of the graph's 4 nodes: drug:id0, drug:id1, "
                "disease:id2 and 1 more; give each node one with its type and id");
  EXPECT_TRUE(contains(error("drug,id0,1,2\ndrug,id1,3,4\ndisease,id2,5,6\n"),
                       "for 1 of the graph's 4 nodes: disease:id3; "));
}

TEST_F(GivenFeaturesTest, NumbersAreFinite) {
  EXPECT_TRUE(contains(error("drug,id0,1,nan\ndrug,id1,3,4\ndisease,id2,,6\ndisease,id3,7,inf\n"),
                       "of 3 nodes hold NaN or infinities: drug:id0, disease:id2, disease:id3; "));
  // Of a node that the graph lacks they do no harm.
  read("drug,id0,1,2\ndrug,id1,3,4\ndisease,id2,5,6\ndisease,id3,7,8\ngene,x,nan,1\n");
}

TEST_F(GivenFeaturesTest, WithoutTypesIdsDecide) {
  put_file(path_, "node_id,emb_0\nid3,3\nid2,2\nid1,1\nid0,0\n");
  EXPECT_TRUE(read_given_features(path_, kGraph)
                  .values_NF.equal(at::arange(4, at::kFloat).reshape({4, 1})));
  kg::Graph twins = kGraph;
  twins.node_ids = kg::testing::texts_of({"id0", "id1", "id0", "id3"});
  EXPECT_TRUE(contains(
      message_of_error(ExitCode::data, [&] { read_given_features(path_, twins); }),
      "for 2 of the graph's 4 nodes: drug:id0, disease:id0; give each node one with its id and, "
      "where types share ids, its type"));
}

}  // namespace
}  // namespace hgnn_moe::hgt
