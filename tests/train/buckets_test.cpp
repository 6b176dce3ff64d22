#include "hgnn_moe/train/buckets.h"

#include <gtest/gtest.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

// Samples of these lengths.
class Samples : public data::SampleSet {
 public:
  explicit Samples(std::vector<std::int64_t> lengths) : lengths_(std::move(lengths)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(lengths_.size()); }
  std::int64_t length(std::int64_t index) const override { return lengths_[index]; }
  void read(std::int64_t, std::int64_t*, std::int64_t*) const override {}
  std::int64_t max_targets() const override { return 1000; }

 private:
  std::vector<std::int64_t> lengths_;
};

TEST(Buckets, LimitsAreThoseOfTheSamples) {
  const BatchLimits limits = limits_of(Samples({3, 7, 5}), 2);
  EXPECT_EQ(limits.samples, 2);
  EXPECT_EQ(limits.length, 7);
}

TEST(Buckets, AscendToAFullBatch) {
  for (const auto& [batch, length] :
       {std::pair{32, 128}, {1, 128}, {1, 1}, {7, 13}, {512, 128}, {3, 1024}, {64, 1}}) {
    const std::vector<std::int64_t> buckets = make_buckets({batch, length});
    SCOPED_TRACE(::testing::Message() << batch << " x " << length);
    ASSERT_FALSE(buckets.empty());
    EXPECT_LE(buckets.size(), kMostBuckets);
    EXPECT_GT(buckets.front(), 0);
    EXPECT_EQ(buckets.back(), batch * length);
    for (std::size_t i = 1; i < buckets.size(); ++i) {
      EXPECT_LT(buckets[i - 1], buckets[i]);
    }
  }
}

TEST(Buckets, PaddingOfUsualBatchesIsSmall) {
  const std::vector<std::int64_t> buckets = make_buckets({32, 128});
  for (std::int64_t tokens = 4096 * 10 / 16; tokens <= 4096 * 14 / 16; ++tokens) {
    EXPECT_LE(buckets[bucket_of(buckets, tokens)] - tokens, 4096 / 16);
  }
}

TEST(Buckets, TheSmallestThatFitsIsTaken) {
  const std::vector<std::int64_t> buckets = make_buckets({32, 128});
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    EXPECT_EQ(bucket_of(buckets, buckets[i]), i);
    const std::int64_t before = i > 0 ? buckets[i - 1] : 0;
    EXPECT_EQ(bucket_of(buckets, before + 1), i);
  }
  EXPECT_THROW(bucket_of(buckets, 4097), InternalError);
}

}  // namespace
}  // namespace hgnn_moe
