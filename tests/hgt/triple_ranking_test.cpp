#include "hgnn_moe/hgt/triple_ranking.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/parameters.h"

namespace hgnn_moe::hgt {
namespace {

constexpr std::int64_t kFeatures = 6;

at::Tensor random_embeddings(const kg::Graph& graph) {
  return Parameters(7, at::kFloat, at::kCPU)
      .draw_normal("embeddings", {graph.node_count(), kFeatures}, 1.0);
}

// The place of a triple's end among all nodes of its type that make no known triple, by scores of
// single triples.
double plain_rank(const Decoder& decoder, const at::Tensor& embeddings, const kg::Graph& graph,
                  const kg::TripleIndex& known, const kg::Triple& triple, kg::Side side) {
  const kg::Relation& relation = graph.relations[triple.relation];
  const kg::NodeType& type =
      graph.node_types[side == kg::Side::tail ? relation.tail_type : relation.head_type];
  const auto score = [&](const kg::Triple& t) {
    return decoder
        .score(embeddings.narrow(0, t.head, 1), at::tensor({t.relation}, at::kLong),
               embeddings.narrow(0, t.tail, 1))
        .item<double>();
  };
  const double own = score(triple);
  double better = 0;
  for (std::int32_t node = type.first; node < type.first + type.count; ++node) {
    kg::Triple other = triple;
    (side == kg::Side::tail ? other.tail : other.head) = node;
    if (other == triple || known.contains(other)) continue;
    better += score(other) > own ? 1 : 0;
  }
  return 1 + better;
}

TEST(TripleRankingTest, EqualsRankingOneByOne) {
  const kg::Graph graph = kg::testing::random_graph(3, 2);
  const kg::TripleIndex known(graph);
  const kg::Facts facts(graph);
  std::vector<kg::Triple> triples;
  for (std::int64_t i = 0; i < facts.size(); i += 3) triples.push_back(facts[i]);
  for (const HgtDecoder kind : {HgtDecoder::distmult, HgtDecoder::complex, HgtDecoder::rotate}) {
    Parameters parameters(5, at::kFloat, at::kCPU);
    const Decoder decoder(parameters, "", {kind, 12.0},
                          static_cast<std::int64_t>(graph.relations.size()), kFeatures);
    const at::Tensor embeddings = random_embeddings(graph);
    const kg::RankTable ranks = rank_triples(decoder, embeddings, graph, triples, known);
    std::map<std::pair<std::int32_t, kg::Side>, std::pair<double, int>> expected;
    for (const kg::Triple& triple : triples) {
      for (const kg::Side side : {kg::Side::head, kg::Side::tail}) {
        auto& [sum, count] = expected[{triple.relation, side}];
        sum += plain_rank(decoder, embeddings, graph, known, triple, side);
        ++count;
      }
    }
    EXPECT_EQ(ranks.micro().ranks, 2 * static_cast<std::int64_t>(triples.size()));
    for (const auto& [key, of_relation] : expected) {
      const kg::RankFigures figures = ranks.of(key.first, key.second);
      EXPECT_EQ(figures.ranks, of_relation.second);
      EXPECT_NEAR(figures.mean_rank, of_relation.first / of_relation.second, 1e-9);
    }
  }
}

TEST(TripleRankingTest, AConstantScoreIsInTheMiddle) {
  const kg::Graph graph = kg::testing::make_graph({{"a", 1}, {"b", 11}},
                                                  {{0, "r", 1, kg::Direction::directed, {{0, 3}}}});
  Parameters parameters(5, at::kFloat, at::kCPU);
  const Decoder decoder(parameters, "", {HgtDecoder::dot, 0.0}, 1, kFeatures);
  const kg::RankTable ranks =
      rank_triples(decoder, at::zeros({12, kFeatures}), graph, {{0, 0, 3}}, kg::TripleIndex(graph));
  EXPECT_EQ(ranks.of(0, kg::Side::tail).mean_rank, 6.0);
}

TEST(TripleRankingTest, ItCanBeEndedAndTellsHowFarItIs) {
  const kg::Graph graph = kg::testing::make_graph(
      {{"a", 2}, {"b", 11}}, {{0, "r", 1, kg::Direction::directed, {{0, 3}, {1, 4}}}});
  Parameters parameters(5, at::kFloat, at::kCPU);
  const Decoder decoder(parameters, "", {HgtDecoder::dot, 0.0}, 1, kFeatures);
  const std::vector<kg::Triple> triples = {{0, 0, 3}, {1, 0, 4}};
  std::vector<std::int64_t> told;
  const auto ranks_until = [&](std::int64_t end) {
    told.clear();
    return rank_triples(decoder, at::zeros({13, kFeatures}), graph, triples, kg::TripleIndex(graph),
                        [&](std::int64_t ranks, std::int64_t total) {
                          EXPECT_EQ(total, 4);
                          told.push_back(ranks);
                          return ranks < end;
                        });
  };
  EXPECT_TRUE(ranks_until(5).has_value());
  EXPECT_EQ(told, (std::vector<std::int64_t>{2, 4}));
  EXPECT_FALSE(ranks_until(2).has_value());
  EXPECT_EQ(told, (std::vector<std::int64_t>{2}));
}

TEST(TripleRankingTest, TheRecordHasNullsWhereNothingWasRanked) {
  const kg::Graph graph = kg::testing::random_graph(3);
  const Json record =
      ranking_record(kg::RankTable(static_cast<std::int32_t>(graph.relations.size())), graph);
  EXPECT_TRUE(record.at("micro").at("mrr").is_null());
  EXPECT_EQ(record.at("micro").at("ranks"), 0);
  EXPECT_TRUE(record.at("relations").empty());
}

TEST(SomeTriplesTest, AreDrawnBySeedInOrder) {
  std::vector<kg::Triple> triples;
  for (std::int32_t i = 0; i < 100; ++i) triples.push_back({i, 0, i});
  const auto some = some_triples(triples, 10, 3);
  ASSERT_EQ(some.size(), 10u);
  for (std::size_t i = 1; i < some.size(); ++i) EXPECT_LT(some[i - 1].head, some[i].head);
  EXPECT_EQ(some_triples(triples, 10, 3), some);
  EXPECT_NE(some_triples(triples, 10, 4), some);
  EXPECT_EQ(some_triples(triples, kAll, 3).size(), 100u);
  EXPECT_EQ(some_triples(triples, 200, 3).size(), 100u);
}

}  // namespace
}  // namespace hgnn_moe::hgt
