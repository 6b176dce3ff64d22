// Sizes that batches are padded up to, so that steps have one of a few shapes, and the padding.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/data/dataset.h"

namespace hgnn_moe {

// No micro-batch has more samples, no sample more tokens. Of the data, not of the options:
// batch_size and max_seq_length may be far above what there is.
struct BatchLimits {
  std::int64_t samples = 0;
  std::int64_t length = 0;
};

// Those of batches of up to so many samples of the set.
BatchLimits limits_of(const data::SampleSet& set, std::int64_t samples);

// A captured step is replayed for shapes that are exactly its own, so there is a graph a bucket.
inline constexpr std::size_t kMostBuckets = 8;

// Numbers of tokens for batches within the limits, at most kMostBuckets, ascending. They lie
// densely where batches of lines do, between five and seven eighths full, because a token of
// padding costs as much as a real one; the last is a full batch.
std::vector<std::int64_t> make_buckets(const BatchLimits& limits);

// The index of the smallest bucket that holds so many tokens.
std::size_t bucket_of(const std::vector<std::int64_t>& buckets, std::int64_t tokens);

inline constexpr std::int64_t kPaddingToken = 0;  // any id of the vocabulary

std::int64_t round_up(std::int64_t value, std::int64_t unit);

// The lengths of samples with so many tokens of padding more, as far as samples of `max_length`
// tokens have room. It fills one sample after the other.
std::vector<std::int64_t> padded_lengths(std::vector<std::int64_t> lengths, std::int64_t padding,
                                         std::int64_t max_length);

}  // namespace hgnn_moe
