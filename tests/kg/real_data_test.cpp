// Real graphs of ../shared/data/kg beside the checkout; skipped without them.
#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"
#include "tests/kg/sampling_support.h"

#include "hgnn_moe/kg/contrast_pairs.h"
#include "hgnn_moe/kg/degree_matched.h"
#include "hgnn_moe/kg/find_node.h"
#include "hgnn_moe/kg/find_relations.h"
#include "hgnn_moe/kg/load_graph.h"
#include "hgnn_moe/kg/neighbor_sampler.h"
#include "hgnn_moe/kg/reverses.h"
#include "hgnn_moe/kg/split.h"

namespace hgnn_moe::kg {
namespace {

namespace fs = std::filesystem;

class RealDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::is_directory(folder_)) GTEST_SKIP() << "there is no " << folder_;
  }

  LoadedFiles load(const char* name) const {
    return load_graph(find_graph_files(folder_ / name), std::nullopt);
  }

  Graph hetionet() const { return with_reverses(load("hetionet-5k").parts.at(0).graph).graph; }

  const fs::path folder_ = fs::path(HGNN_MOE_SOURCE_DIR) / "../shared/data/kg";
};

TEST_F(RealDataTest, Hetionet) {
  const LoadedFiles loaded = load("hetionet-5k");
  const LoadReport& report = loaded.parts.at(0).report;
  EXPECT_EQ(report.rows, 99676);
  EXPECT_EQ(report.edges, 99676);
  EXPECT_EQ(report.nodes, 47031);
  EXPECT_EQ(report.nodes - report.isolated, 26574);
  EXPECT_EQ(report.node_types.size(), 11u);
  EXPECT_EQ(report.relations.size(), 24u);
  const ReversedGraph reversed = with_reverses(loaded.parts[0].graph);
  EXPECT_EQ(find_fault(reversed.graph), "");
  int symmetric = 0;
  for (const ReverseNote& note : reversed.notes) symmetric += note.kind == ReverseKind::symmetric;
  EXPECT_EQ(symmetric, 4) << "CrC, DrD, GcG and GiG; Gr>G is directed";
  EXPECT_EQ(reversed.graph.relations.size(), 44u);
}

TEST_F(RealDataTest, Umls) {
  const LoadedFiles loaded = load("umls");
  ASSERT_EQ(loaded.parts.size(), 3u);
  const std::int64_t edges[] = {5216, 652, 661};
  for (int p : {0, 1, 2}) {
    const LoadReport& report = loaded.parts[p].report;
    EXPECT_EQ(report.edges, edges[p]);
    EXPECT_EQ(report.duplicates, 0);
    EXPECT_EQ(report.in_earlier_files, 0);
    EXPECT_EQ(report.nodes, 135);
    EXPECT_EQ(report.relations.size(), 46u);
  }
}

TEST_F(RealDataTest, HetionetSplitsWithoutLeaks) {
  const Graph graph = hetionet();
  const std::int32_t disease = 4;
  ASSERT_EQ(graph.node_types[disease].name, "Disease");
  const std::vector<std::int32_t> treatments = {find_relations(graph, "treats").at(0),
                                                find_relations(graph, "palliates").at(0)};
  for (const Split& split : {split_pairs(graph, {0.1, 0.2}, 42),
                             split_nodes(graph, disease, treatments, {0.1, 0.2}, 42)}) {
    EXPECT_EQ(find_fault(split.train), "");
    EXPECT_FALSE(split.valid.empty());
    EXPECT_FALSE(split.test.empty());
    testing::TripleSet all = testing::triples_in(split.train);
    std::set<std::pair<std::int32_t, std::int32_t>> joined;
    for (const auto& [r, head, tail] : all) joined.insert(testing::undirected({head, tail}));
    for (const Triple& fact : held_out_facts(split)) {
      EXPECT_EQ(joined.count(testing::undirected(edge_of(fact))), 0u);
      testing::add_fact(graph, fact, all);
    }
    EXPECT_EQ(all, testing::triples_in(graph));
  }
}

TEST_F(RealDataTest, HetionetHasMatchedNegativesAndNeighborhoods) {
  const Graph graph = hetionet();
  const Split split = split_pairs(graph, {0.1, 0.2}, 42);
  const TripleIndex known(split.train, held_out_facts(split));
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    const auto relation = static_cast<std::int32_t>(r);
    std::vector<Edge> positives;
    for (const Triple& fact : split.test) {
      if (fact.relation == relation) positives.push_back(edge_of(fact));
    }
    const auto matched = degree_matched_negatives(split.train, relation, positives, known, 42);
    EXPECT_EQ(matched.without, 0) << relation_title(graph, graph.relations[r]);
    for (const Edge& pair : matched.pairs) {
      EXPECT_FALSE(known.contains({pair.head, relation, pair.tail}));
    }
  }
  const std::int32_t aspirin = find_node(graph, "acetylsalicylic acid");
  EXPECT_EQ(graph.node_ids[aspirin], "Compound::DB00945");
  const NeighborSampler sampler(MessageGraph(split.train), {10, 10}, 42);
  const std::vector<Block> blocks = sampler.sample({aspirin}, 0);
  EXPECT_GT(blocks[0].sources.size(), blocks[1].sources.size());
  testing::triples_in(blocks[0]);
}

TEST_F(RealDataTest, HetionetDiseasesShareGenes) {
  const Graph graph = hetionet();
  const ContrastPairs pairs(graph, {4, find_relations(graph, "associates"), 0.1});
  EXPECT_GT(pairs.nodes().size(), 0u);
  for (const std::int32_t node : pairs.nodes()) {
    EXPECT_GT(pairs.partners_of(node).back().similarity, 0.1);
  }
}

TEST_F(RealDataTest, UmlsIsSplitByItsFiles) {
  const Split split = split_of_files(load("umls").parts);
  EXPECT_EQ(find_fault(split.train), "");
  EXPECT_EQ(Facts(split.train).size(), 5216) << "no relation of the file is symmetric";
  EXPECT_EQ(split.valid.size(), 652u);
  EXPECT_EQ(split.test.size(), 661u);
  EXPECT_EQ(split.joined_in_training, 404 + 421);
  const TripleIndex known(split.train, held_out_facts(split));
  for (const Triple& fact : split.test) EXPECT_TRUE(known.contains(fact));
  EXPECT_FALSE(TripleIndex(split.train).contains(split.test.front()));
}

}  // namespace
}  // namespace hgnn_moe::kg
