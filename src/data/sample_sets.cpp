#include "hgnn_moe/data/sample_sets.h"

#include <algorithm>
#include <utility>

namespace hgnn_moe::data {

LineSamples::LineSamples(std::unique_ptr<Documents> documents, std::int64_t max_length)
    : documents_(std::move(documents)), max_length_(max_length) {}

std::int64_t LineSamples::size() const { return documents_->size(); }

std::int64_t LineSamples::length(std::int64_t index) const {
  return std::min(documents_->length(index), max_length_);
}

void LineSamples::read(std::int64_t index, std::int64_t* inputs, std::int64_t* targets) const {
  const std::int64_t count = length(index);
  documents_->read(index, 0, count, inputs);
  std::copy(inputs + 1, inputs + count, targets);
  targets[count - 1] = kNoTarget;
}

std::int64_t LineSamples::max_targets() const { return max_length_ - 1; }

PackedSamples::PackedSamples(std::unique_ptr<TokenStream> stream, std::int64_t window_length)
    : stream_(std::move(stream)), window_length_(window_length) {}

std::int64_t PackedSamples::size() const { return (stream_->size() - 1) / window_length_; }

std::int64_t PackedSamples::length(std::int64_t) const { return window_length_; }

void PackedSamples::read(std::int64_t index, std::int64_t* inputs, std::int64_t* targets) const {
  const std::int64_t first = index * window_length_;
  stream_->read(first, window_length_, inputs);
  std::copy(inputs + 1, inputs + window_length_, targets);
  stream_->read(first + window_length_, 1, targets + window_length_ - 1);
}

std::int64_t PackedSamples::max_targets() const { return window_length_; }

}  // namespace hgnn_moe::data
