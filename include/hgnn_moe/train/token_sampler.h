// The choice of the next token from a model's logits.
#pragma once

#include <cstdint>
#include <vector>

namespace hgnn_moe {

struct SamplerOptions {
  double temperature = 0.8;  // 0: always the likeliest token
  std::int64_t top_k = 50;   // draw among so many likeliest tokens; 0: among all
  std::uint64_t seed = 42;
};

// The token for text position `position`, drawn with probability proportional to
// exp(logit / temperature) among the top_k; of equal logits the smaller id counts as likelier. A
// pure function of its arguments. `logits` has one entry a token of the vocabulary; a -infinity
// is never drawn. Throws Error(diverged) where one is NaN or none is finite.
std::int64_t sample_token(const std::vector<float>& logits, std::int64_t position,
                          const SamplerOptions& options);

}  // namespace hgnn_moe
