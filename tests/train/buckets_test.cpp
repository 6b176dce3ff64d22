#include "hgnn_moe/train/buckets.h"

#include <gtest/gtest.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

TEST(Buckets, AscendToAFullBatch) {
  for (const auto& [batch, length] :
       {std::pair{32, 128}, {1, 128}, {1, 1}, {7, 13}, {512, 128}, {3, 1024}, {64, 1}}) {
    const std::vector<Bucket> buckets = make_buckets(batch, length);
    SCOPED_TRACE(::testing::Message() << batch << " x " << length);
    ASSERT_FALSE(buckets.empty());
    EXPECT_LE(buckets.size(), kMostBuckets);
    EXPECT_EQ(buckets.back().tokens, batch * length);
    for (std::size_t i = 1; i < buckets.size(); ++i) {
      EXPECT_LT(buckets[i - 1].tokens, buckets[i].tokens);
    }
  }
}

TEST(Buckets, RowsAreEnoughForAnyBatchAndItsPadding) {
  for (const auto& [batch, length] : {std::pair{32, 128}, {5, 7}, {1, 90}, {9, 1}}) {
    const std::vector<Bucket> buckets = make_buckets(batch, length);
    for (std::int64_t tokens = 1; tokens <= batch * length; ++tokens) {
      const Bucket& bucket = buckets[bucket_of(buckets, tokens)];
      const std::int64_t padding = bucket.tokens - tokens;
      ASSERT_GE(padding, 0);
      ASSERT_GE(bucket.samples, batch + (padding + length - 1) / length)
          << tokens << " tokens of " << batch << " x " << length;
    }
  }
}

TEST(Buckets, PaddingOfUsualBatchesIsSmall) {
  const std::vector<Bucket> buckets = make_buckets(32, 128);
  for (std::int64_t tokens = 4096 * 10 / 16; tokens <= 4096 * 14 / 16; ++tokens) {
    EXPECT_LE(buckets[bucket_of(buckets, tokens)].tokens - tokens, 4096 / 16);
  }
}

TEST(Buckets, TheSmallestThatFitsIsTaken) {
  const std::vector<Bucket> buckets = make_buckets(32, 128);
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    EXPECT_EQ(bucket_of(buckets, buckets[i].tokens), i);
    const std::int64_t before = i > 0 ? buckets[i - 1].tokens : 0;
    EXPECT_EQ(bucket_of(buckets, before + 1), i);
  }
  EXPECT_THROW(bucket_of(buckets, 4097), InternalError);
}

}  // namespace
}  // namespace hgnn_moe
