#include "hgnn_moe/kg/link_batch.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

namespace hgnn_moe::kg {
namespace {

using testing::kDisease;
using testing::kGene;
using testing::triples_in;

constexpr std::uint64_t kSeed = 3;
constexpr std::int64_t kStep = 5;

// A graph and all that batches are made with; `count` neighbours a hop, or sampled edges.
class LinkBatchTest : public ::testing::Test {
 protected:
  LinkSources sources() const {
    return {graph_, known_, negatives_, &neighbors_, nullptr, nullptr, 2};
  }

  static ContrastPairs disease_pairs(const Graph& graph) {
    return {graph, {kDisease, {find(graph, "associates", kGene)}, 0.05}};
  }
  static std::int32_t find(const Graph& graph, const char* name, std::int32_t tail) {
    return find_relation(graph, kDisease, name, tail);
  }

  std::vector<LinkBatch> parts(const LinkBatchMaker& maker, PositionRange batch,
                               std::int64_t count) const {
    std::vector<LinkBatch> parts;
    for (const PositionRange& positions : micro_batches(batch, count)) {
      parts.push_back(
          maker.make(epoch_, batch, positions, static_cast<std::int64_t>(parts.size()), kStep));
    }
    return parts;
  }

  const Graph graph_ = testing::random_graph(1, 3);
  const TripleIndex known_{graph_};
  const NegativeSampler negatives_{graph_.node_types, 7, kSeed};
  const NeighborSampler neighbors_{MessageGraph(graph_), {3, 2}, kSeed};
  const EdgeSampler edges_{MessageGraph(graph_), 20, kSeed};
  const ContrastSampler contrast_{disease_pairs(graph_), 64, 9, kSeed};
  const EpochTargets epoch_{Facts(graph_), kSeed, 0};
  const PositionRange batch_{40, 100};
};

std::vector<std::int32_t> nodes_at(const LinkBatch& batch, const std::vector<std::int32_t>& rows) {
  std::vector<std::int32_t> nodes;
  for (const std::int32_t row : rows) nodes.push_back(batch.nodes.at(row));
  return nodes;
}

// What comes into each destination: (relation, head) by tail.
std::map<std::int32_t, std::set<std::pair<std::int32_t, std::int32_t>>> incoming(
    const Block& block) {
  std::map<std::int32_t, std::set<std::pair<std::int32_t, std::int32_t>>> edges;
  for (const std::int32_t node : destination_nodes(block)) edges[node];
  for (const auto& [relation, head, tail] : triples_in(block)) edges[tail].emplace(relation, head);
  return edges;
}

TEST_F(LinkBatchTest, RowsAreThoseOfTheTargets) {
  const LinkBatch batch = parts(LinkBatchMaker(sources()), batch_, 1).at(0);
  ASSERT_EQ(batch.targets.size(), 60u);
  EXPECT_EQ(batch.step_targets, 60);
  EXPECT_EQ(batch.nodes, destination_nodes(batch.blocks.back()));
  const auto heads = nodes_at(batch, batch.heads), tails = nodes_at(batch, batch.tails);
  for (std::size_t i = 0; i < 60; ++i) {
    const Target expected = epoch_[40 + static_cast<std::int64_t>(i)];
    EXPECT_EQ(batch.targets[i].triple, expected.triple);
    EXPECT_EQ(heads[i], expected.triple.head);
    EXPECT_EQ(tails[i], expected.triple.tail);
  }
}

TEST_F(LinkBatchTest, EveryTargetIsAskedForBothEnds) {
  const LinkBatch batch = parts(LinkBatchMaker(sources()), batch_, 1).at(0);
  std::map<Side, std::multiset<std::int32_t>> asked;
  for (const CandidateGroup& group : batch.groups) {
    EXPECT_EQ(nodes_at(batch, group.candidates), negatives_.draw(group.node_type, kStep));
    std::vector<Target> targets;
    for (const std::int32_t i : group.targets) {
      asked[group.side].insert(i);
      targets.push_back(batch.targets.at(i));
      const Relation& relation = graph_.relations[targets.back().triple.relation];
      EXPECT_EQ(group.side == Side::head ? relation.head_type : relation.tail_type,
                group.node_type);
    }
    EXPECT_EQ(group.known,
              known_candidates(known_, targets, group.side, nodes_at(batch, group.candidates)));
  }
  for (const Side side : {Side::head, Side::tail}) {
    EXPECT_EQ(asked[side].size(), 60u);
    EXPECT_EQ(std::set<std::int32_t>(asked[side].begin(), asked[side].end()).size(), 60u);
  }
}

TEST_F(LinkBatchTest, NoMessageTellsATarget) {
  testing::TripleSet targets;
  for (const Target& target : targets_of(epoch_, batch_)) {
    testing::add_fact(graph_, target.triple, targets);
  }
  LinkSources by_edges = sources();
  by_edges.neighbors = nullptr;
  by_edges.edges = &edges_;
  std::size_t messages = 0;
  for (const LinkSources& given : {sources(), by_edges}) {
    for (const LinkBatch& part : parts(LinkBatchMaker(given), batch_, 3)) {
      for (const Block& block : part.blocks) {
        for (const auto& triple : triples_in(block)) {
          ++messages;
          EXPECT_EQ(targets.count(triple), 0u) << "targets of other micro-batches too";
        }
      }
    }
  }
  EXPECT_GT(messages, 1000u);
}

TEST_F(LinkBatchTest, MicroBatchesArePartsOfTheirBatch) {
  LinkSources with_contrast = sources();
  with_contrast.contrast = &contrast_;
  const LinkBatchMaker maker(with_contrast);
  const LinkBatch whole = parts(maker, batch_, 1).at(0);
  std::vector<std::int64_t> targets;
  std::vector<std::int32_t> anchors, partners;
  std::vector<std::uint8_t> related;
  for (const LinkBatch& part : parts(maker, batch_, 4)) {
    EXPECT_EQ(part.step_targets, whole.step_targets);
    EXPECT_EQ(part.step_anchors, whole.step_anchors);
    for (const Target& target : part.targets) targets.push_back(target.index);
    for (const CandidateGroup& group : part.groups) {
      const auto same = [&](const CandidateGroup& g) {
        return g.side == group.side && g.node_type == group.node_type;
      };
      const auto found = std::find_if(whole.groups.begin(), whole.groups.end(), same);
      ASSERT_NE(found, whole.groups.end());
      EXPECT_EQ(nodes_at(part, group.candidates), nodes_at(whole, found->candidates));
    }
    for (std::size_t l = 0; l < 2; ++l) {
      const auto all = incoming(whole.blocks[l]);
      for (const auto& [node, edges] : incoming(part.blocks[l])) EXPECT_EQ(edges, all.at(node));
    }
    EXPECT_EQ(nodes_at(part, part.contrast->candidates),
              nodes_at(whole, whole.contrast->candidates));
    anchors.insert(anchors.end(), part.contrast->anchors.begin(), part.contrast->anchors.end());
    partners.insert(partners.end(), part.contrast->partners.begin(), part.contrast->partners.end());
    related.insert(related.end(), part.contrast->related.begin(), part.contrast->related.end());
  }
  std::vector<std::int64_t> expected;
  for (const Target& target : whole.targets) expected.push_back(target.index);
  EXPECT_EQ(targets, expected);
  EXPECT_EQ(whole.step_anchors, 9);
  EXPECT_EQ(anchors, whole.contrast->anchors);
  EXPECT_EQ(partners, whole.contrast->partners);
  EXPECT_EQ(related, whole.contrast->related);
}

TEST_F(LinkBatchTest, WithoutMessagesTheNodesAreThoseAskedFor) {
  LinkSources none = sources();
  none.neighbors = nullptr;
  const LinkBatch batch = parts(LinkBatchMaker(none), batch_, 1).at(0);
  EXPECT_TRUE(batch.blocks.empty());
  std::set<std::int32_t> nodes;
  for (const Target& target : batch.targets) {
    nodes.insert(target.triple.head);
    nodes.insert(target.triple.tail);
  }
  for (const CandidateGroup& group : batch.groups) {
    for (const std::int32_t node : negatives_.draw(group.node_type, kStep)) nodes.insert(node);
  }
  EXPECT_EQ(batch.nodes, std::vector<std::int32_t>(nodes.begin(), nodes.end()));
}

TEST_F(LinkBatchTest, SampledEdgesDifferByMicroBatch) {
  LinkSources by_edges = sources();
  by_edges.neighbors = nullptr;
  by_edges.edges = &edges_;
  const auto two = parts(LinkBatchMaker(by_edges), batch_, 2);
  ASSERT_EQ(two[0].blocks.size(), 2u);
  // The last layer computes the nodes asked for alone, along edges of the same subgraph.
  EXPECT_EQ(destination_nodes(two[0].blocks[1]), two[0].nodes);
  const auto first = triples_in(two[0].blocks[0]), last = triples_in(two[0].blocks[1]);
  EXPECT_TRUE(std::includes(first.begin(), first.end(), last.begin(), last.end()));
  EXPECT_NE(triples_in(two[0].blocks[0]), triples_in(two[1].blocks[0]));
}

}  // namespace
}  // namespace hgnn_moe::kg
