#include "hgnn_moe/hgt/link_trainer.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/kg/sampling_support.h"

#include "hgnn_moe/base/log.h"
#include "hgnn_moe/hgt/link_figures.h"
#include "hgnn_moe/kg/shuffled_edges.h"
#include "hgnn_moe/train/checkpoint.h"
#include "hgnn_moe/train/checkpoint_folder.h"

namespace hgnn_moe::hgt {
namespace {

using kg::testing::TripleSet;

constexpr std::uint64_t kSeed = 42;
// Means of a few hundred float32 terms of like size, added up by micro-batches.
constexpr double kRelative = 1e-5;

HgtConfig small_config(HgtMessages messages = HgtMessages::graph) {
  HgtConfig config;
  config.messages = messages;
  config.hidden_dim = 8;
  config.embedding_dim = 8;
  config.num_heads = 2;
  config.embedding_init = 1.0;
  config.dropout_rate = 0.1;
  config.num_neighbors = "3,2";
  config.num_negatives = 9;
  config.batch_size = 100;
  config.accumulation_steps = 2;
  config.num_epochs = 3;
  config.eval_every = 1;
  config.node_batch_size = 30;
  config.quiet = true;
  config.seed = kSeed;
  return config;
}

std::vector<Json> events_in(const std::filesystem::path& file, const std::string& kind) {
  std::ifstream lines(file);
  std::vector<Json> events;
  for (std::string line; std::getline(lines, line);) {
    Json event = parse_json(line, "metrics.jsonl", ExitCode::internal);
    if (event.at("event") == kind) events.push_back(event);
  }
  return events;
}

// A run to its end, and all that it worked on.
struct FinishedTraining {
  FinishedTraining(const HgtConfig& of_run, const GraphData& data)
      : config(of_run),
        folder(RunFolder::open(runs.path(), "run", RunStart::fresh)),
        model(config, data.split.train, at::kCPU),
        optimizer(model, config.weight_decay) {
    MetricsWriter metrics(folder.metrics_file());
    const auto log = make_logger(/*quiet=*/true, std::nullopt);
    LinkTrainer trainer({config, data, folder, model, optimizer, metrics, *log}, {});
    const StopSignal stop;
    EXPECT_TRUE(trainer.run(stop));
    state = trainer.state();
    steps = events_in(folder.metrics_file(), "step");
    evaluations = events_in(folder.metrics_file(), "eval");
  }

  TemporaryFolder runs;
  HgtConfig config;
  RunFolder folder;
  LinkModel model;
  LinkOptimizer optimizer;
  TrainingState state;
  std::vector<Json> steps, evaluations;
};

class LinkTrainerTest : public ::testing::Test {
 protected:
  GraphData data_for(const HgtConfig& config) const {
    GraphData data;
    data.split = kg::split_pairs(graph_, {0.15, 0.15}, kSeed);
    data.messages = config.messages == HgtMessages::shuffled
                        ? kg::shuffled_edges(data.split.train, kSeed)
                        : data.split.train;
    data.trained_relations = kg::primary_relations(graph_, kg::all_relations(graph_));
    return data;
  }

  // MRR of both ends of `triples` among all nodes of the end's type that `true_ones` does not hold
  // in its place; embeddings come from `messages`.
  double plain_mrr(const LinkModel& model, const kg::Graph& messages,
                   const std::vector<kg::Triple>& triples, const TripleSet& true_ones) const {
    const at::Tensor embeddings_NF = model.embed(messages);
    double sum = 0;
    for (const kg::Triple& triple : triples) {
      const kg::Relation& relation = graph_.relations[triple.relation];
      for (const kg::Side side : {kg::Side::head, kg::Side::tail}) {
        const kg::NodeType& type =
            graph_.node_types[side == kg::Side::head ? relation.head_type : relation.tail_type];
        std::vector<kg::Triple> asked{triple};
        for (std::int32_t node = type.first; node < type.first + type.count; ++node) {
          kg::Triple other = triple;
          (side == kg::Side::head ? other.head : other.tail) = node;
          if (true_ones.count({other.relation, other.head, other.tail}) == 0) {
            asked.push_back(other);
          }
        }
        const std::vector<double> scores = scores_of_triples(model.decoder(), embeddings_NF, asked);
        double rank = 1;
        for (std::size_t i = 1; i < scores.size(); ++i) rank += scores[i] > scores[0];
        sum += 1 / rank;
      }
    }
    return sum / static_cast<double>(2 * triples.size());
  }

  const kg::Graph graph_ = kg::testing::random_graph(1, 3);
  const TripleSet all_ = kg::testing::triples_in(graph_);
};

// The losses of one model that stays as it is, for any epoch and number of a step.
class StepLosses {
 public:
  StepLosses(const HgtConfig& config, const GraphData& data, const LinkModel& model)
      : config_(config),
        model_(model),
        facts_(data.split.train),
        known_(data.split.train),
        negatives_(data.split.train.node_types, config.num_negatives, kSeed),
        neighbors_(kg::MessageGraph(data.messages), neighbor_counts(config.num_neighbors), kSeed),
        edges_(kg::MessageGraph(data.messages), config.edge_sample_size, kSeed),
        maker_({data.split.train, known_, negatives_,
                passes(HgtSampling::neighbors) ? &neighbors_ : nullptr,
                passes(HgtSampling::edges) ? &edges_ : nullptr, nullptr, config.num_layers}) {}

  std::int64_t facts() const { return facts_.size(); }

  double loss(std::int64_t epoch, std::int64_t batch, std::int64_t step) const {
    const c10::NoGradGuard no_grad;
    const kg::EpochTargets order(facts_, kSeed, epoch);
    const kg::PositionRange range = kg::batch_range(facts_.size(), config_.batch_size, batch);
    double sum = 0;
    std::int64_t part = 0;
    for (const kg::PositionRange& positions :
         kg::micro_batches(range, config_.accumulation_steps)) {
      sum += model_.forward(maker_.make(order, range, positions, part++, step))
                 .losses.link.item<double>();
    }
    return sum;
  }

 private:
  bool passes(HgtSampling sampling) const {
    return config_.messages != HgtMessages::none && config_.sampling == sampling;
  }

  const HgtConfig& config_;
  const LinkModel& model_;
  kg::Facts facts_;
  kg::TripleIndex known_;
  kg::NegativeSampler negatives_;
  kg::NeighborSampler neighbors_;
  kg::EdgeSampler edges_;
  kg::LinkBatchMaker maker_;
};

// With rate 0 each loss tells which facts, negatives, neighbours and masks its step had.
TEST_F(LinkTrainerTest, AStepIsTheOneOfItsEpochBatchAndNumber) {
  for (const auto& [messages, sampling] : {std::pair{HgtMessages::graph, HgtSampling::neighbors},
                                           std::pair{HgtMessages::shuffled, HgtSampling::neighbors},
                                           std::pair{HgtMessages::graph, HgtSampling::edges},
                                           std::pair{HgtMessages::none, HgtSampling::neighbors}}) {
    SCOPED_TRACE(::testing::Message() << "messages " << static_cast<int>(messages) << ", sampling "
                                      << static_cast<int>(sampling));
    HgtConfig config = small_config(messages);
    config.sampling = sampling;
    config.edge_sample_size = 40;
    config.learning_rate = 0.0;
    const GraphData data = data_for(config);
    const FinishedTraining run(config, data);
    const StepLosses losses(config, data, run.model);
    const std::int64_t per_epoch = kg::batch_count(losses.facts(), config.batch_size);
    ASSERT_GT(per_epoch, 2);
    ASSERT_EQ(static_cast<std::int64_t>(run.steps.size()), 3 * per_epoch);
    for (std::int64_t step = 0; step < 3 * per_epoch; ++step) {
      const std::int64_t epoch = step / per_epoch, batch = step % per_epoch;
      const Json& event = run.steps[static_cast<std::size_t>(step)];
      EXPECT_EQ(event.at("step"), step + 1);
      EXPECT_EQ(event.at("epoch"), epoch);
      EXPECT_EQ(event.at("triples"),
                kg::batch_range(losses.facts(), config.batch_size, batch).size());
      EXPECT_EQ(event.at("messages").get<std::int64_t>() > 0, messages != HgtMessages::none);
      const auto found = event.at("loss").get<double>();
      const double expected = losses.loss(epoch, batch, step);
      EXPECT_NEAR(found, expected, kRelative * expected) << "step " << step;
      if (epoch == 0) continue;
      EXPECT_GT(std::abs(found - losses.loss(0, batch, step)), 10 * kRelative * expected)
          << "the order of the first epoch";
      EXPECT_GT(std::abs(found - losses.loss(epoch, batch, batch)), 10 * kRelative * expected)
          << "the negatives of the first epoch";
    }
  }
}

TEST_F(LinkTrainerTest, ValidationRanksAreFilteredByTheFactsOfAllParts) {
  for (const HgtMessages messages : {HgtMessages::graph, HgtMessages::shuffled}) {
    HgtConfig config = small_config(messages);
    config.learning_rate = 0.02;
    const GraphData data = data_for(config);
    const FinishedTraining run(config, data);
    ASSERT_EQ(run.evaluations.size(), 3u);
    const Json& last = run.evaluations.back();
    EXPECT_EQ(last.at("ranks"), 2 * data.split.valid.size());
    const auto mrr = last.at("mrr").get<double>();
    EXPECT_NEAR(mrr, plain_mrr(run.model, data.messages, data.split.valid, all_), 1e-9);
    // Each of these would be another figure.
    const auto differs = [&](double other) { return std::abs(other - mrr) > 1e-4; };
    EXPECT_TRUE(differs(plain_mrr(run.model, data.messages, data.split.test, all_)));
    EXPECT_TRUE(differs(plain_mrr(run.model, data.messages, data.split.valid,
                                  kg::testing::triples_in(data.split.train))));
    TripleSet of_train_and_valid = kg::testing::triples_in(data.split.train);
    for (const kg::Triple& triple : data.split.valid) {
      kg::testing::add_fact(graph_, triple, of_train_and_valid);
    }
    EXPECT_TRUE(differs(plain_mrr(run.model, data.messages, data.split.valid, of_train_and_valid)));
    EXPECT_EQ(differs(plain_mrr(run.model, data.split.train, data.split.valid, all_)),
              messages == HgtMessages::shuffled);
  }
}

// With a rate that is too high figures go up and down.
TEST_F(LinkTrainerTest, TheBestCheckpointIsThatOfTheHighestMrr) {
  int ended_below = 0, rose = 0;
  for (std::int64_t seed = 1; seed <= 3; ++seed) {
    HgtConfig config = small_config();
    config.seed = seed;
    config.learning_rate = 0.2;
    config.num_epochs = 6;
    config.keep_checkpoints = 1;
    const GraphData data = data_for(config);
    const FinishedTraining run(config, data);
    ASSERT_EQ(run.evaluations.size(), 6u);
    std::vector<double> figures;
    for (const Json& event : run.evaluations) figures.push_back(event.at("mrr").get<double>());
    const auto best = std::max_element(figures.begin(), figures.end());
    const Json& event = run.evaluations[static_cast<std::size_t>(best - figures.begin())];
    ended_below += best != figures.end() - 1;
    rose += best != figures.begin();

    EXPECT_EQ(run.state.best_step, event.at("step"));
    ASSERT_TRUE(run.state.best_eval_loss.has_value() && run.state.last_eval_loss.has_value());
    EXPECT_EQ(*run.state.best_eval_loss, 1 - *best);
    EXPECT_EQ(*run.state.last_eval_loss, 1 - figures.back());
    const auto pointed = read_pointer(run.folder.path(), CheckpointPointer::best);
    ASSERT_TRUE(pointed.has_value());
    EXPECT_EQ(pointed->step, event.at("step"));
    load_checkpoint(pointed->folder, run.optimizer.tensors());
    EXPECT_NEAR(plain_mrr(run.model, data.messages, data.split.valid, all_), *best, 1e-9);
  }
  EXPECT_GT(ended_below, 0) << "the last is always the best: this test shows nothing";
  EXPECT_GT(rose, 0) << "the first is always the best: this test shows nothing";
}

}  // namespace
}  // namespace hgnn_moe::hgt
