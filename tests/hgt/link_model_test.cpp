#include "hgnn_moe/hgt/link_model.h"

#include <cmath>
#include <tuple>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/kg/sampling_support.h"

#include "hgnn_moe/hgt/link_optimizer.h"

namespace hgnn_moe::hgt {
namespace {

using kg::testing::kDisease;

constexpr std::uint64_t kSeed = 42;

HgtConfig small_config(HgtMessages messages = HgtMessages::graph) {
  HgtConfig config;
  config.hidden_dim = 8;
  config.embedding_dim = 6;
  config.num_heads = 2;
  config.messages = messages;
  config.dropout_rate = 0.3;
  config.embedding_dropout = 0.2;
  config.contrastive_weight = 0.5;
  config.node_batch_size = 7;
  config.seed = kSeed;
  return config;
}

// A graph with its samplers, and a batch of it in any number of micro-batches.
class LinkModelTest : public ::testing::Test {
 protected:
  std::vector<kg::LinkBatch> micro_batches(std::int64_t count, bool with_messages = true) const {
    const kg::LinkBatchMaker maker({graph_, known_, negatives_,
                                    with_messages ? &neighbors_ : nullptr, nullptr, &contrast_, 2});
    const kg::PositionRange batch{10, 90};
    std::vector<kg::LinkBatch> parts;
    for (const kg::PositionRange& positions : kg::micro_batches(batch, count)) {
      parts.push_back(maker.make(epoch_, batch, positions, static_cast<std::int64_t>(parts.size()),
                                 /*step=*/4));
    }
    return parts;
  }

  static kg::ContrastPairs pairs_of(const kg::Graph& graph) {
    return {
        graph,
        {kDisease, {kg::find_relation(graph, kDisease, "associates", kg::testing::kGene)}, 0.05}};
  }

  const kg::Graph graph_ = kg::testing::random_graph(1, 3);
  const kg::TripleIndex known_{graph_};
  const kg::NegativeSampler negatives_{graph_.node_types, 7, kSeed};
  const kg::NeighborSampler neighbors_{kg::MessageGraph(graph_), {3, 2}, kSeed};
  const kg::ContrastSampler contrast_{pairs_of(graph_), 64, 9, kSeed};
  const kg::EpochTargets epoch_{kg::Facts(graph_), kSeed, 0};
};

struct Updated {
  double loss = 0.0;
  double norm = 0.0;
  std::vector<at::Tensor> values;  // of all parameters after an update
};

Updated update(const HgtConfig& config, const kg::Graph& graph,
               const std::vector<kg::LinkBatch>& micro_batches) {
  LinkModel model(config, graph, at::kCPU);
  LinkOptimizer optimizer(model, 0.0);
  Updated updated;
  for (const kg::LinkBatch& batch : micro_batches) {
    const LinkForward forward = model.forward(batch);
    const at::Tensor loss = forward.losses.total(config.contrastive_weight);
    loss.backward();
    optimizer.collect(forward);
    updated.loss += loss.item<double>();
  }
  updated.norm = optimizer.gradient_norm();
  // Adam's first update is the sign of the gradient; so that tiny ones cannot flip, plain values of
  // the moments are compared too.
  optimizer.step(1e-3, updated.norm, 1.0);
  for (const NamedParameter& state : optimizer.tensors().optimizer_state) {
    updated.values.push_back(state.tensor.clone());
  }
  return updated;
}

// Sums of a few hundred float32 terms of like size, in another order.
constexpr double kRelative = 1e-5;

TEST_F(LinkModelTest, MicroBatchesGiveTheGradientsOfTheirBatch) {
  for (const auto& [messages, jumps, known] :
       {std::tuple{HgtMessages::graph, false, HgtKnown::left_out},
        std::tuple{HgtMessages::graph, true, HgtKnown::targets},
        std::tuple{HgtMessages::none, false, HgtKnown::targets}}) {
    HgtConfig config = small_config(messages);
    config.jumping_knowledge = jumps;
    config.known_candidates = known;
    const bool with_messages = messages == HgtMessages::graph;
    const Updated whole = update(config, graph_, micro_batches(1, with_messages));
    const Updated parts = update(config, graph_, micro_batches(5, with_messages));
    EXPECT_GT(whole.norm, 1e-3);
    EXPECT_NEAR(parts.loss, whole.loss, kRelative * whole.loss);
    EXPECT_NEAR(parts.norm, whole.norm, kRelative * whole.norm);
    ASSERT_EQ(parts.values.size(), whole.values.size());
    for (std::size_t i = 0; i < whole.values.size(); ++i) {
      const double size = whole.values[i].norm().item<double>();
      const double difference = (parts.values[i] - whole.values[i]).norm().item<double>();
      EXPECT_LE(difference, kRelative * std::max(size, 1e-4 * whole.norm)) << i;
    }
  }
}

TEST_F(LinkModelTest, TheStepChangesDropoutAndNothingElseIsRandom) {
  const HgtConfig config = small_config();
  auto batches = micro_batches(1);
  const double first = update(config, graph_, batches).loss;
  EXPECT_EQ(update(config, graph_, batches).loss, first);
  batches[0].step = 5;
  EXPECT_NE(update(config, graph_, batches).loss, first);
  kg::LinkBatch of_step_6 = batches[0];
  of_step_6.step = 6;
  HgtConfig without = config;
  without.dropout_rate = 0.0;
  batches[0].step = 5;
  EXPECT_NE(update(without, graph_, batches).loss, update(without, graph_, {of_step_6}).loss)
      << "of embeddings";
  without.embedding_dropout = 0.0;
  const double same = update(without, graph_, batches).loss;
  batches[0].step = 6;
  EXPECT_EQ(update(without, graph_, batches).loss, same);
}

TEST_F(LinkModelTest, KnownCandidatesAreLeftOutOrTargets) {
  HgtConfig config = small_config();
  const auto batches = micro_batches(1);
  const auto loss = [&](HgtKnown known, const std::vector<kg::LinkBatch>& of) {
    config.known_candidates = known;
    return update(config, graph_, of).loss;
  };
  EXPECT_NE(loss(HgtKnown::targets, batches), loss(HgtKnown::left_out, batches));
  // Where nothing but the target itself is known they are the same.
  std::vector<kg::LinkBatch> unknown = batches;
  for (kg::CandidateGroup& group : unknown[0].groups) {
    for (std::uint8_t& mark : group.known) mark = mark == kg::own_end ? kg::own_end : kg::unknown;
  }
  EXPECT_EQ(loss(HgtKnown::targets, unknown), loss(HgtKnown::left_out, unknown));
}

TEST_F(LinkModelTest, LearnedEmbeddingsBeginAsWideAsAskedFor) {
  HgtConfig config = small_config();
  for (const double deviation : {0.05, 2.0}) {
    config.embedding_init = deviation;
    const LinkModel model(config, graph_, at::kCPU);
    const at::Tensor& table = model.learned_table().front().tensor;
    // Five deviations of the estimate of a deviation from that many numbers.
    const double tolerance = 5 * deviation / std::sqrt(2.0 * static_cast<double>(table.numel()));
    EXPECT_NEAR(table.std().item<double>(), deviation, tolerance);
  }
}

TEST_F(LinkModelTest, TheContrastIsWeighted) {
  HgtConfig config = small_config();
  const LinkModel model(config, graph_, at::kCPU);
  const LinkForward forward = model.forward(micro_batches(1).at(0));
  ASSERT_TRUE(forward.losses.contrast.defined());
  EXPECT_NEAR(forward.losses.total(0.5).item<double>(),
              forward.losses.link.item<double>() + 0.5 * forward.losses.contrast.item<double>(),
              1e-6);
}

TEST_F(LinkModelTest, RandomFeaturesStayAsTheyAre) {
  HgtConfig config = small_config();
  config.node_features = HgtFeatures::random;
  LinkModel model(config, graph_, at::kCPU);
  LinkOptimizer optimizer(model, 0.0);
  const auto table = model.all_parameters().front();
  EXPECT_EQ(table.name, "encoder.node_emb.weight");
  const at::Tensor before = table.tensor.clone();
  const LinkForward forward = model.forward(micro_batches(1).at(0));
  forward.losses.total(0.5).backward();
  optimizer.collect(forward);
  optimizer.step(0.1, optimizer.gradient_norm(), 1.0);
  EXPECT_TRUE(table.tensor.equal(before));
  EXPECT_TRUE(model.learned_table().empty());
}

TEST_F(LinkModelTest, AnUpdateLowersTheLossOfItsBatch) {
  HgtConfig config = small_config();
  config.dropout_rate = config.embedding_dropout = 0.0;
  LinkModel model(config, graph_, at::kCPU);
  LinkOptimizer optimizer(model, 0.0);
  const kg::LinkBatch batch = micro_batches(1).at(0);
  double first = 0, last = 0;
  for (int i = 0; i < 30; ++i) {
    const LinkForward forward = model.forward(batch);
    const at::Tensor loss = forward.losses.total(config.contrastive_weight);
    last = loss.item<double>();
    if (i == 0) first = last;
    loss.backward();
    optimizer.collect(forward);
    optimizer.step(1e-2, optimizer.gradient_norm(), 1.0);
  }
  EXPECT_LT(last, 0.7 * first);
}

TEST_F(LinkModelTest, ClippingScalesAllGradientsTogether) {
  HgtConfig config = small_config();
  const auto batches = micro_batches(1);
  const auto moments = [&](double max_norm) {
    LinkModel model(config, graph_, at::kCPU);
    LinkOptimizer optimizer(model, 0.0);
    const LinkForward forward = model.forward(batches[0]);
    forward.losses.total(config.contrastive_weight).backward();
    optimizer.collect(forward);
    const double norm = optimizer.gradient_norm();
    optimizer.step(1e-3, norm, max_norm);
    double squares = 0;
    for (const NamedParameter& state : optimizer.tensors().optimizer_state) {
      if (state.name.rfind("exp_avg.", 0) != 0) continue;
      squares += std::pow(state.tensor.norm().item<double>() / 0.1, 2);
    }
    return std::pair(norm, std::sqrt(squares));  // of the gradients before and after clipping
  };
  const auto [norm, unclipped] = moments(0.0);
  EXPECT_NEAR(unclipped, norm, kRelative * norm);
  EXPECT_NEAR(moments(0.25 * norm).second, 0.25 * norm, 1e-4 * norm);
}

}  // namespace
}  // namespace hgnn_moe::hgt
