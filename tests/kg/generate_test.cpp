#include "hgnn_moe/kg/generate.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

#include "hgnn_moe/kg/readers.h"

namespace hgnn_moe::kg {
namespace {

LoadedGraph read(const std::function<void(const TextSink&)>& generate) {
  return read_primekg({collected(generate), "kg.csv"});
}

LoadedGraph mechanism(std::uint64_t seed) {
  return read([&](const TextSink& sink) { generate_mechanism({}, seed, sink); });
}

// Tails of each head.
std::map<std::int32_t, std::set<std::int32_t>> tails_of(const Graph& graph, const char* head,
                                                        const char* name, const char* tail) {
  const auto type = [&](const std::string& wanted) {
    std::int32_t t = 0;
    while (graph.node_types.at(t).name != wanted) ++t;
    return t;
  };
  std::map<std::int32_t, std::set<std::int32_t>> tails;
  const std::int32_t r = find_relation(graph, type(head), name, type(tail));
  EXPECT_NE(r, kNoReverse) << name;
  for (const Edge& edge : graph.relations.at(r).edges) tails[edge.head].insert(edge.tail);
  return tails;
}

TEST(GenerateTest, APathOfTwoEdgesTellsWhatADrugTreats) {
  const Graph graph = mechanism(1).graph;
  const auto targets = tails_of(graph, "drug", "drug_protein", "gene/protein");
  const auto diseases = tails_of(graph, "gene/protein", "disease_protein", "disease");
  const auto treated = tails_of(graph, "drug", "indication", "disease");
  ASSERT_EQ(targets.size(), 600u);
  for (const auto& [drug, genes] : targets) {
    std::set<std::int32_t> reached;
    for (const std::int32_t gene : genes) {
      reached.insert(diseases.at(gene).begin(), diseases.at(gene).end());
    }
    ASSERT_EQ(treated.at(drug), reached);
  }
}

// Every disease is treated by as many drugs.
TEST(GenerateTest, DegreesTellNothing) {
  const Graph graph = mechanism(1).graph;
  const auto drugs = tails_of(graph, "disease", "indication", "drug");
  for (const auto& [drug, genes] : tails_of(graph, "drug", "drug_protein", "gene/protein")) {
    EXPECT_EQ(genes.size(), 2u);
  }
  for (const auto& [gene, found] : tails_of(graph, "gene/protein", "disease_protein", "disease")) {
    EXPECT_EQ(found.size(), 4u);
  }
  for (const auto& [disease, found] : drugs) EXPECT_EQ(found.size(), 12u);
}

TEST(GenerateTest, TheMechanismDependsOnTheSeed) {
  EXPECT_EQ(testing::dump(mechanism(1).graph), testing::dump(mechanism(1).graph));
  EXPECT_NE(testing::dump(mechanism(1).graph), testing::dump(mechanism(2).graph));
}

TEST(GenerateTest, PrimeKgHasItsSizesInProportion) {
  const LoadedGraph loaded = read([](const TextSink& s) { generate_primekg(0.02, 3, s); });
  const LoadReport& report = loaded.report;
  EXPECT_NEAR(static_cast<double>(report.rows), 0.02 * 8100498, 60);
  EXPECT_NEAR(static_cast<double>(report.nodes), 0.02 * 129375, 10);
  EXPECT_EQ(report.node_types.size(), 10u);
  std::set<std::string> names;
  for (const RelationCount& count : report.relations) names.insert(count.name);
  EXPECT_EQ(names.size(), 30u);
  EXPECT_EQ(report.relations.size(), 50u) << "20 relations between types in both directions";
  EXPECT_EQ(report.isolated, 0);
  EXPECT_GT(report.colliding_nodes, report.nodes / 2);
  EXPECT_EQ(report.name_conflicts, 0);
  EXPECT_EQ(report.index_conflicts, 0);
  EXPECT_EQ(report.shared_indexes, 0);
  EXPECT_GT(report.duplicates, 0);
}

}  // namespace
}  // namespace hgnn_moe::kg
