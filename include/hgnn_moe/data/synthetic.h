// Stand-in text for --synthetic_data: trains without any file, and can be learned.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/data/dataset.h"
#include "hgnn_moe/data/token_source.h"

namespace hgnn_moe::data {

inline constexpr std::int64_t kSyntheticVocabSize = 256;  // where the configuration names none
inline constexpr std::int64_t kSyntheticTrainDocuments = 2000;
inline constexpr std::int64_t kSyntheticEvalDocuments = 200;

// A noisy Markov chain. Every id has four likely successors, taken with probabilities 1/2, 1/4,
// 1/8 and 1/8 seven times out of eight; otherwise any id follows. So the unigrams are close to
// uniform (ln V nats), while a model that has learned the pairs needs about 1.4 + ln(V) / 8 nats.
//
// The ids are 0 to vocab_size - 2: the last one is left to end of text. Lengths are uniform in
// 16 .. max_length + 16. The corpus is the same for every seed of a run, as real text would be.
class SyntheticDocuments : public Documents {
 public:
  SyntheticDocuments(Split split, std::int64_t count, std::int64_t vocab_size,
                     std::int64_t max_length);

  void read(std::int64_t document, std::int64_t first, std::int64_t count,
            std::int64_t* out) const override;

  const std::vector<std::int64_t>& tokens() const { return tokens_; }  // of all documents

 private:
  std::vector<std::int64_t> tokens_;
};

}  // namespace hgnn_moe::data
