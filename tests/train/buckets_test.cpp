#include "hgnn_moe/train/buckets.h"

#include <gtest/gtest.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

TEST(Buckets, AscendToAFullBatch) {
  for (const auto& [batch, length] :
       {std::pair{32, 128}, {1, 128}, {1, 1}, {7, 13}, {512, 128}, {3, 1024}, {64, 1}}) {
    const std::vector<std::int64_t> buckets = make_buckets(batch, length);
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
  const std::vector<std::int64_t> buckets = make_buckets(32, 128);
  for (std::int64_t tokens = 4096 * 10 / 16; tokens <= 4096 * 14 / 16; ++tokens) {
    EXPECT_LE(buckets[bucket_of(buckets, tokens)] - tokens, 4096 / 16);
  }
}

TEST(Buckets, TheSmallestThatFitsIsTaken) {
  const std::vector<std::int64_t> buckets = make_buckets(32, 128);
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    EXPECT_EQ(bucket_of(buckets, buckets[i]), i);
    const std::int64_t before = i > 0 ? buckets[i - 1] : 0;
    EXPECT_EQ(bucket_of(buckets, before + 1), i);
  }
  EXPECT_THROW(bucket_of(buckets, 4097), InternalError);
}

}  // namespace
}  // namespace hgnn_moe
