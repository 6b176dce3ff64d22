// One micro-batch of token ids on the host; the trainer turns it into tensors.
#pragma once

#include <cstdint>
#include <vector>

namespace hgnn_moe::data {

// Marks a position without a target; equal to the ignore_index of at::cross_entropy_loss.
inline constexpr std::int64_t kNoTarget = -100;

// B samples padded on the right to `length`, the longest of them (never beyond T).
struct Batch {
  std::int64_t size = 0;                     // B
  std::int64_t length = 0;                   // columns of tokens and targets
  std::vector<std::int64_t> tokens;          // [B, length], 0 where padded
  std::vector<std::int64_t> targets;         // [B, length], kNoTarget where there is none
  std::vector<std::int64_t> lengths;         // [B], real input tokens of each sample
  std::vector<std::int64_t> sample_indices;  // [B], rows of the set in file order
  std::int64_t real_tokens = 0;              // sum of lengths
  std::int64_t real_targets = 0;             // targets other than kNoTarget

  // Positions in the epoch's order of the samples of this batch: first, first + 1, ...
  std::int64_t first_position = 0;
};

}  // namespace hgnn_moe::data
