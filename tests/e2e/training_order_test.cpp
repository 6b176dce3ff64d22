// The order of samples, seen from outside: batches of one sample whose lengths tell them apart.
#include <algorithm>
#include <numeric>

#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

class TrainingOrderTest : public ProgramTest {
 protected:
  // Documents of 2, 3, ... 15 tokens, no two alike.
  TrainingOrderTest() {
    std::vector<data::testing::Document> documents;
    for (std::int64_t length = 2; length <= 15; ++length) {
      documents.push_back(data::testing::counting(length, length));
    }
    write_dataset(path("text"), documents, documents);
  }

  // The lengths in the order in which `flags` train on them, an epoch a row.
  std::vector<std::vector<double>> epochs_of(const Flags& flags) const {
    const Flags one_by_one = tiny().with({{"dataset_name", "text"},
                                          {"batch_size", "1"},
                                          {"overwrite", ""},
                                          {"epochs", "3"},
                                          {"eval_every", "0"}});
    expect_success(run(one_by_one.with(flags)));
    std::vector<std::vector<double>> epochs(3);
    for (const Json& step : read_events(path("runs/run"), "step")) {
      epochs.at(step.at("epoch").get<std::size_t>()).push_back(step.at("tokens"));
    }
    return epochs;
  }

  static std::vector<double> sorted(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values;
  }

  static std::vector<double> file_order() {
    std::vector<double> lengths(14);
    std::iota(lengths.begin(), lengths.end(), 2.0);
    return lengths;
  }
};

TEST_F(TrainingOrderTest, WithoutShuffleItIsThatOfTheFile) {
  for (const auto& epoch : epochs_of({{"no_shuffle", ""}})) EXPECT_EQ(epoch, file_order());
}

TEST_F(TrainingOrderTest, WithoutShuffleTheFirstSamplesAreTaken) {
  const std::vector<double> first = {2, 3, 4, 5};
  for (const auto& epoch : epochs_of({{"no_shuffle", ""}, {"num_train_samples", "4"}})) {
    EXPECT_EQ(epoch, first);
  }
}

TEST_F(TrainingOrderTest, ShufflingPermutesEveryEpochAnew) {
  const auto epochs = epochs_of({{"shuffle", ""}});
  for (const auto& epoch : epochs) EXPECT_EQ(sorted(epoch), file_order());
  EXPECT_NE(epochs[0], file_order());
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  EXPECT_EQ(epochs_of({{"num_workers_dataloader", "4"}, {"dropout_rate", "0"}}), epochs)
      << "the order depends on the seed and the epoch alone";
  EXPECT_NE(epochs_of({{"seed", "7"}}), epochs);
}

TEST_F(TrainingOrderTest, ASubsetIsTheSameInEveryEpoch) {
  const auto epochs = epochs_of({{"num_train_samples", "5"}});
  EXPECT_EQ(epochs[0].size(), 5u);
  EXPECT_EQ(sorted(epochs[0]), sorted(epochs[1]));
  EXPECT_EQ(sorted(epochs[0]), sorted(epochs[2]));
}

TEST_F(TrainingOrderTest, AnEpochEndsAfterItsMicroBatches) {
  const auto epochs = epochs_of(
      {{"max_batches_per_epoch", "4"}, {"gradient_accumulation_steps", "3"}, {"no_shuffle", ""}});
  const std::vector<double> steps = {2 + 3 + 4, 5};  // the last step of an epoch is short
  for (const auto& epoch : epochs) EXPECT_EQ(epoch, steps);
}

}  // namespace
}  // namespace hgnn_moe::e2e
