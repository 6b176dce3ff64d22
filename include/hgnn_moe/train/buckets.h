// Sizes that batches are padded up to, so that all steps on a GPU have one of a few shapes.
#pragma once

#include <cstdint>
#include <vector>

namespace hgnn_moe {

// A captured step is replayed for shapes that are exactly its own, so there is a graph a bucket.
inline constexpr std::size_t kMostBuckets = 8;

// Numbers of tokens for batches of up to `batch_size` samples of up to `max_length` tokens, at most
// kMostBuckets, ascending. They lie densely where batches of lines do, between five and seven
// eighths full, because a token of padding costs as much as a real one; the last is a full batch.
std::vector<std::int64_t> make_buckets(std::int64_t batch_size, std::int64_t max_length);

// The index of the smallest bucket that holds so many tokens.
std::size_t bucket_of(const std::vector<std::int64_t>& buckets, std::int64_t tokens);

}  // namespace hgnn_moe
