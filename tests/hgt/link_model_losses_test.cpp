// The losses of a step as docs/hgt.md defines them: fact by fact, end by end, candidate by
// candidate, with nothing of what LinkModel computes them by but embeddings and Decoder::score.
#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/hgt/hgt_support.h"
#include "tests/kg/sampling_support.h"

#include "hgnn_moe/hgt/link_model.h"

namespace hgnn_moe::hgt {
namespace {

using kg::testing::kDisease;
using kg::testing::TripleSet;

constexpr std::uint64_t kSeed = 42;
constexpr std::int64_t kStep = 4;
// Means of a few thousand float32 terms of like size.
constexpr double kRelative = 1e-5;

// Scores of what may stand at an end of a fact: of the fact itself and of what is true beside it,
// and of its negatives.
struct Answers {
  std::vector<double> targets, negatives;
};

double softmax_loss(const Answers& answers) {
  double sum = 0, of_targets = 0;
  for (const double score : answers.targets) sum += std::exp(score);
  for (const double score : answers.negatives) sum += std::exp(score);
  for (const double score : answers.targets) of_targets -= std::log(std::exp(score) / sum);
  return of_targets / static_cast<double>(answers.targets.size());
}

double bce_loss(const Answers& answers) {
  double of_targets = 0, of_negatives = 0;
  for (const double score : answers.targets) of_targets += std::log1p(std::exp(-score));
  for (const double score : answers.negatives) of_negatives += std::log1p(std::exp(score));
  const double loss = of_targets / static_cast<double>(answers.targets.size());
  if (answers.negatives.empty()) return loss;
  return loss + of_negatives / static_cast<double>(answers.negatives.size());
}

// The graph that messages of a step pass along: without its facts, in both directions.
kg::Graph without(const kg::Graph& graph, const std::vector<kg::Target>& targets) {
  TripleSet asked;
  for (const kg::Target& target : targets) kg::testing::add_fact(graph, target.triple, asked);
  kg::Graph rest = graph;
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    std::vector<kg::Edge> kept;
    for (const kg::Edge& edge : graph.relations[r].edges) {
      if (asked.count({static_cast<std::int32_t>(r), edge.head, edge.tail}) == 0) {
        kept.push_back(edge);
      }
    }
    rest.relations[r].edges = kg::SharedArray<kg::Edge>(kept);
  }
  return rest;
}

// A step of three micro-batches on a graph of several types, with symmetric relations and twins.
class LinkModelLossesTest : public ::testing::Test {
 protected:
  static HgtConfig small_config() {
    HgtConfig config;
    config.hidden_dim = 8;
    config.embedding_dim = 6;
    config.num_heads = 2;
    config.embedding_init = 1.0;
    config.embedding_dropout = 0.0;
    config.decoder = HgtDecoder::complex;
    config.contrast_temperature = 0.3;
    config.seed = kSeed;
    return config;
  }

  std::vector<kg::PositionRange> parts() const { return kg::micro_batches(batch_, 3); }

  kg::LinkBatch micro_batch(std::int64_t part, bool with_messages = true) const {
    const kg::LinkBatchMaker maker(
        {graph_, known_, negatives_, with_messages ? &neighbors_ : nullptr, nullptr, nullptr, 2});
    return maker.make(epoch_, batch_, parts().at(static_cast<std::size_t>(part)), part, kStep);
  }

  kg::Graph messages() const { return without(graph_, kg::targets_of(epoch_, batch_)); }

  // The step's candidates in the place of an end of `fact`.
  Answers answers_to(const kg::Triple& fact, kg::Side side, HgtKnown use, const LinkModel& model,
                     const at::Tensor& embeddings_NF) {
    const auto score = [&](const kg::Triple& triple) {
      return model.decoder()
          .score(embeddings_NF.narrow(0, triple.head, 1), at::tensor({triple.relation}, at::kLong),
                 embeddings_NF.narrow(0, triple.tail, 1))
          .item<double>();
    };
    const kg::Relation& relation = graph_.relations[fact.relation];
    const std::int32_t type = side == kg::Side::head ? relation.head_type : relation.tail_type;
    Answers answers{{score(fact)}, {}};
    for (const std::int32_t candidate : negatives_.draw(type, kStep)) {
      kg::Triple triple = fact;
      (side == kg::Side::head ? triple.head : triple.tail) = candidate;
      if (triple == fact) {
        ++own_ends_;
      } else if (all_.count({triple.relation, triple.head, triple.tail}) > 0) {
        ++also_true_;
        if (use == HgtKnown::targets) answers.targets.push_back(score(triple));
      } else {
        answers.negatives.push_back(score(triple));
      }
    }
    return answers;
  }

  // The share of the facts at `positions` in the step's mean over facts and ends.
  double plain_link_loss(const HgtConfig& config, const LinkModel& model,
                         const at::Tensor& embeddings_NF, kg::PositionRange positions) {
    double sum = 0;
    for (const kg::Target& target : kg::targets_of(epoch_, positions)) {
      for (const kg::Side side : {kg::Side::head, kg::Side::tail}) {
        const Answers answers =
            answers_to(target.triple, side, config.known_candidates, model, embeddings_NF);
        sum += config.loss == HgtLoss::bce ? bce_loss(answers) : softmax_loss(answers);
      }
    }
    return sum / static_cast<double>(2 * batch_.size());
  }

  const kg::Graph graph_ = kg::testing::random_graph(1, 3);
  const TripleSet all_ = kg::testing::triples_in(graph_);
  const kg::TripleIndex known_{graph_};
  const kg::NegativeSampler negatives_{graph_.node_types, 16, kSeed};
  const kg::NeighborSampler neighbors_{
      kg::MessageGraph(graph_), {kg::kAllNeighbors, kg::kAllNeighbors}, kSeed};
  const kg::EpochTargets epoch_{kg::Facts(graph_), kSeed, 0};
  const kg::PositionRange batch_{10, 70};
  int own_ends_ = 0, also_true_ = 0;
};

TEST_F(LinkModelLossesTest, LinkLossIsTheMeanOverFactsAndTheirTwoEnds) {
  const c10::NoGradGuard no_grad;
  for (const HgtDecoder decoder : {HgtDecoder::complex, HgtDecoder::rotate}) {
    for (const HgtLoss loss : {HgtLoss::softmax, HgtLoss::bce}) {
      for (const HgtKnown known : {HgtKnown::left_out, HgtKnown::targets}) {
        SCOPED_TRACE(::testing::Message()
                     << "decoder " << static_cast<int>(decoder) << ", loss "
                     << static_cast<int>(loss) << ", known " << static_cast<int>(known));
        HgtConfig config = small_config();
        config.decoder = decoder;
        config.margin = 2.0;
        config.loss = loss;
        config.known_candidates = known;
        const LinkModel model(config, graph_, at::kCPU);
        testing::disturb(model.all_parameters());
        const at::Tensor embeddings_NF = model.embed(messages());
        for (std::int64_t part = 0; part < 3; ++part) {
          const double expected = plain_link_loss(config, model, embeddings_NF, parts().at(part));
          EXPECT_NEAR(model.forward(micro_batch(part)).losses.link.item<double>(), expected,
                      kRelative * expected)
              << "micro-batch " << part;
        }
      }
    }
  }
  EXPECT_GT(own_ends_, 100) << "a candidate that is the fact's own end is never a negative";
  EXPECT_GT(also_true_, 100);
}

TEST_F(LinkModelLossesTest, WithoutMessagesNothingIsReadOfTheGraph) {
  const c10::NoGradGuard no_grad;
  HgtConfig config = small_config();
  config.messages = HgtMessages::none;
  const LinkModel model(config, graph_, at::kCPU);
  testing::disturb(model.all_parameters());
  kg::Graph bare = graph_;
  for (kg::Relation& relation : bare.relations) relation.edges = {};
  const double expected = plain_link_loss(config, model, model.embed(bare), parts().at(1));
  EXPECT_NEAR(model.forward(micro_batch(1, false)).losses.link.item<double>(), expected,
              kRelative * expected);
}

// Three of the step's nine anchors; a fourth disease is like all of them.
TEST_F(LinkModelLossesTest, ContrastIsTheMeanOverTheStepsAnchors) {
  const c10::NoGradGuard no_grad;
  const HgtConfig config = small_config();
  const LinkModel model(config, graph_, at::kCPU);
  testing::disturb(model.all_parameters());
  const at::Tensor embeddings_NF = model.embed(messages()).to(at::kDouble);
  kg::LinkBatch batch = micro_batch(1);
  kg::ContrastSet set;
  for (std::size_t row = 0; row < batch.nodes.size(); ++row) {
    if (graph_.node_types[kDisease].contains(batch.nodes[row])) {
      set.candidates.push_back(static_cast<std::int32_t>(row));
    }
  }
  const std::size_t candidates = set.candidates.size();
  ASSERT_GT(candidates, 8u);
  set.anchors = {0, 2, 5};
  set.partners = {1, 0, 6};
  const std::size_t like_all = 3;
  set.related.assign(set.anchors.size() * candidates, 0);
  const auto cosine = [&](std::size_t a, std::size_t b) {
    const at::Tensor x = embeddings_NF[batch.nodes[set.candidates[a]]];
    const at::Tensor y = embeddings_NF[batch.nodes[set.candidates[b]]];
    return (x * y).sum().item<double>() / x.norm().item<double>() / y.norm().item<double>() /
           config.contrast_temperature;
  };
  double expected = 0;
  for (std::size_t i = 0; i < set.anchors.size(); ++i) {
    const auto anchor = static_cast<std::size_t>(set.anchors[i]);
    const auto partner = static_cast<std::size_t>(set.partners[i]);
    double sum = std::exp(cosine(anchor, partner));
    for (std::size_t c = 0; c < candidates; ++c) {
      const bool related = c == anchor || c == partner || c == like_all;
      set.related[i * candidates + c] = related ? 1 : 0;
      if (!related) sum += std::exp(cosine(anchor, c));
    }
    expected += (std::log(sum) - cosine(anchor, partner)) / 9;
  }
  batch.contrast = set;
  batch.step_anchors = 9;
  EXPECT_NEAR(model.forward(batch).losses.contrast.item<double>(), expected, kRelative * expected);
}

}  // namespace
}  // namespace hgnn_moe::hgt
