// The two ways of cutting tokens into samples.
#pragma once

#include <cstdint>
#include <memory>

#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/data/token_source.h"

namespace hgnn_moe::data {

// `lines` mode: sample i is document i truncated to max_length tokens. The target of position t
// is token t + 1 of the truncated document; the last position has none.
class LineSamples : public SampleSet {
 public:
  LineSamples(std::unique_ptr<Documents> documents, std::int64_t max_length);
  std::int64_t size() const override;
  std::int64_t length(std::int64_t index) const override;
  void read(std::int64_t index, std::int64_t* inputs, std::int64_t* targets) const override;
  std::int64_t max_targets() const override;

 private:
  std::unique_ptr<Documents> documents_;
  std::int64_t max_length_;
};

// `packed` mode: sample i is the window of window_length + 1 tokens that starts at
// i * window_length, so neighbours share one token; inputs are its first window_length tokens,
// targets its last. A shorter rest is dropped.
class PackedSamples : public SampleSet {
 public:
  PackedSamples(std::unique_ptr<TokenStream> stream, std::int64_t window_length);
  std::int64_t size() const override;
  std::int64_t length(std::int64_t index) const override;
  void read(std::int64_t index, std::int64_t* inputs, std::int64_t* targets) const override;
  std::int64_t max_targets() const override;

 private:
  std::unique_ptr<TokenStream> stream_;
  std::int64_t window_length_;
};

}  // namespace hgnn_moe::data
