#include "hgnn_moe/data/batch.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/data/data_files.h"

#include "hgnn_moe/data/dataset.h"

namespace hgnn_moe::data {
namespace {

using testing::Document;

constexpr std::int64_t kPad = 0;
constexpr std::int64_t kNone = kNoTarget;

// Sample i holds i + 1 tokens: 10 i, 10 i + 1, ...
class Staircase : public SampleSet {
 public:
  std::int64_t size() const override { return 6; }
  std::int64_t length(std::int64_t index) const override { return index + 1; }
  void read(std::int64_t index, std::int64_t* inputs, std::int64_t* targets) const override {
    for (std::int64_t t = 0; t <= index; ++t) {
      inputs[t] = 10 * index + t;
      targets[t] = t == index ? kNoTarget : inputs[t] + 1;
    }
  }
  std::int64_t max_targets() const override { return 5; }
};

TEST(MakeBatch, PadsOnTheRightToTheLongest) {
  const Batch batch = make_batch(Staircase(), {5, 0, 2, 1}, 1, 3);
  EXPECT_EQ(batch.size, 3);
  EXPECT_EQ(batch.length, 3);
  EXPECT_EQ(batch.first_position, 1);
  EXPECT_EQ(batch.sample_indices, (Document{0, 2, 1}));
  EXPECT_EQ(batch.lengths, (Document{1, 3, 2}));
  EXPECT_EQ(batch.tokens, (Document{0, kPad, kPad, 20, 21, 22, 10, 11, kPad}));
  EXPECT_EQ(batch.targets, (Document{kNone, kNone, kNone, 21, 22, kNone, 11, kNone, kNone}));
  EXPECT_EQ(batch.real_tokens, 6);
  EXPECT_EQ(batch.real_targets, 3);
}

TEST(MakeBatch, ABatchMayHaveNoTarget) {
  const Batch batch = make_batch(Staircase(), {0, 0}, 0, 2);
  EXPECT_EQ(batch.real_tokens, 2);
  EXPECT_EQ(batch.real_targets, 0);
}

TEST(MakeBatch, AssertsTheRange) {
  EXPECT_THROW(make_batch(Staircase(), {0, 1}, 1, 2), InternalError);
  EXPECT_THROW(make_batch(Staircase(), {0, 1}, 0, 0), InternalError);
}

}  // namespace
}  // namespace hgnn_moe::data
