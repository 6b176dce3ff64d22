#include "hgnn_moe/hgt/link_figures.h"

#include <cmath>
#include <set>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

#include "hgnn_moe/hgt/parameters.h"
#include "hgnn_moe/kg/degree_matched.h"

namespace hgnn_moe::hgt {
namespace {

using kg::testing::kDisease;

constexpr std::int64_t kFeatures = 6;

class LinkFiguresTest : public ::testing::Test {
 protected:
  at::Tensor random_embeddings(std::int64_t nodes) const {
    return parameters_.draw_normal("embeddings", {nodes, kFeatures}, 1.0);
  }

  Parameters parameters_{7, at::kFloat, at::kCPU};
};

TEST_F(LinkFiguresTest, ScoresAreTheDecodersTripleByTriple) {
  const kg::Graph graph = kg::testing::random_graph(3, 2);
  const Decoder decoder(parameters_, "", {HgtDecoder::complex, 0.0},
                        static_cast<std::int64_t>(graph.relations.size()), kFeatures);
  const at::Tensor embeddings = random_embeddings(graph.node_count());
  const kg::Facts facts(graph);
  std::vector<kg::Triple> triples;
  for (std::int64_t i = 0; i < facts.size(); ++i) triples.push_back(facts[i]);
  const std::vector<double> scores = scores_of_triples(decoder, embeddings, triples);
  ASSERT_EQ(scores.size(), triples.size());
  for (std::size_t i = 0; i < triples.size(); i += 7) {
    const double alone = decoder
                             .score(embeddings.narrow(0, triples[i].head, 1),
                                    at::tensor({triples[i].relation}, at::kLong),
                                    embeddings.narrow(0, triples[i].tail, 1))
                             .item<double>();
    EXPECT_NEAR(scores[i], alone, 1e-6);
  }
}

TEST_F(LinkFiguresTest, CompareFactsWithTheirMatchedNegatives) {
  const kg::Graph graph = kg::testing::random_graph(3, 4);
  const kg::Split split = kg::split_pairs(graph, {0.1, 0.3}, 5);
  const kg::TripleIndex known(split.train, kg::held_out_facts(split));
  const Decoder decoder(parameters_, "", {HgtDecoder::distmult, 0.0},
                        static_cast<std::int64_t>(graph.relations.size()), kFeatures);
  const at::Tensor embeddings = random_embeddings(graph.node_count());
  const auto all = link_figures(decoder, embeddings, split.train, split.test, known, 9);
  std::set<std::int32_t> relations;
  for (const kg::Triple& triple : split.test) relations.insert(triple.relation);
  ASSERT_EQ(all.size(), relations.size());
  for (const LinkFigures& figures : all) {
    std::vector<kg::Edge> positives;
    for (const kg::Triple& triple : split.test) {
      if (triple.relation == figures.relation) positives.push_back(kg::edge_of(triple));
    }
    const auto negatives =
        kg::degree_matched_negatives(split.train, figures.relation, positives, known, 9);
    std::vector<kg::ScoredPair> pairs;
    for (std::size_t i = 0; i < positives.size(); ++i) {
      if (negatives.pairs[i].tail == kg::kNoNode) continue;
      for (const bool is_positive : {true, false}) {
        const kg::Edge edge = is_positive ? positives[i] : negatives.pairs[i];
        const auto scores =
            scores_of_triples(decoder, embeddings, {{edge.head, figures.relation, edge.tail}});
        pairs.push_back({scores[0], is_positive});
      }
    }
    const kg::BinaryFigures expected = kg::binary_figures(pairs);
    EXPECT_EQ(figures.model.positives, expected.positives);
    EXPECT_EQ(figures.without_negative, negatives.without);
    if (expected.positives == 0) continue;
    EXPECT_NEAR(figures.model.auroc, expected.auroc, 1e-9);
    EXPECT_NEAR(figures.model.average_precision, expected.average_precision, 1e-9);
  }
}

// Drugs 0 to 7, diseases 8 and 9.
TEST_F(LinkFiguresTest, RecallIsTheMeanOverHeldOutNodes) {
  const kg::Graph graph = kg::testing::make_graph(
      {{"drug", 8}, {"disease", 2}}, {{0, "treats", 1, kg::Direction::directed, {{0, 8}}}});
  const Decoder decoder(parameters_, "", {HgtDecoder::dot, 0.0}, 1, 2);
  at::Tensor embeddings = at::zeros({10, 2});
  for (int drug = 0; drug < 8; ++drug) {
    embeddings[drug][0] = drug;        // disease 8 prefers high numbers
    embeddings[drug][1] = 8.0 - drug;  // disease 9 low ones
  }
  embeddings[8][0] = 1.0;
  embeddings[9][1] = 1.0;
  const std::vector<kg::Triple> triples = {{7, 0, 8}, {1, 0, 8}, {0, 0, 9}};
  EXPECT_NEAR(mean_recall_at(2, decoder, embeddings, graph, 1, triples), (0.5 + 1.0) / 2, 1e-12);
  EXPECT_NEAR(mean_recall_at(8, decoder, embeddings, graph, 1, triples), 1.0, 1e-12);
  EXPECT_TRUE(std::isnan(mean_recall_at(2, decoder, embeddings, graph, 1, {})));
}

}  // namespace
}  // namespace hgnn_moe::hgt
