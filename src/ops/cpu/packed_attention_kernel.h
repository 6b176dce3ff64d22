// What src/ops/cpu/packed_attention_kernel.cpp offers, once for each instruction set.
#pragma once

#include <cstdint>

#include "every_isa.h"
#include "kernel_type.h"

namespace hgnn_moe::ops {

// Plain pointers into contiguous tensors. N tokens, E experts, A heads of d features.
struct PackedAttentionArguments {
  KernelType type;
  std::int64_t batch, experts, heads, dim;
  const std::int64_t* offsets;        // [B + 1]: sample b holds tokens offsets[b] to offsets[b + 1]
  const std::int64_t* samples;        // [N]: index in the global step of each token's sample
  const void* qkv;                    // [N, E, 3, A, d]
  double score_scale;                 // 1 / sqrt(d)
  const std::uint64_t* dropout_keys;  // [E], or null: no dropout
  std::uint32_t dropout_threshold;    // words below are dropped
  double kept_scale;                  // of what is not, 1 / (1 - rate)
};

// Random words that are drawn at once, at most: the kernel of each instruction set checks its own.
static constexpr std::int64_t kMostWordsAtOnce = 64;

// In the type that is computed with: elements of the workspace of one thread, for samples of at
// most so many tokens; enough for every instruction set. Static, so that the linker cannot give
// callers the copy that was compiled for AVX-512.
static constexpr std::int64_t packed_attention_workspace(std::int64_t max_length,
                                                         std::int64_t dim) {
  // Tokens are padded to 32, features to 16 at most. Five matrices of all tokens, three of a block
  // of 32 queries, the scores of such a block twice, and one row of random words.
  const std::int64_t tokens = (max_length + 31) / 32 * 32, padded_dim = (dim + 15) / 16 * 16;
  const std::int64_t words =
      (max_length + kMostWordsAtOnce - 1) / kMostWordsAtOnce * kMostWordsAtOnce;
  return (5 * tokens + 3 * 32) * padded_dim + 2 * 32 * tokens + words;
}

// One unit of work is a sample, under one head of one expert: units are numbered
// (expert * heads + head) * batch + sample, and no two write to the same place.
struct PackedAttentionKernels {
  // out [N, E, A, d] of qkv's type; log_sum_exp [N, E, A] and the workspace in the type that is
  // computed with (float beside bfloat16).
  void (*forward)(const PackedAttentionArguments&, void* out, void* log_sum_exp, void* workspace,
                  std::int64_t begin, std::int64_t end);
  // d_qkv [N, E, 3, A, d] from d_out [N, E, A, d].
  void (*backward)(const PackedAttentionArguments&, const void* d_out, const void* log_sum_exp,
                   void* d_qkv, void* workspace, std::int64_t begin, std::int64_t end);
};

HGNN_MOE_DECLARE_FOR_EVERY_ISA(PackedAttentionKernels, kPackedAttentionKernels);

}  // namespace hgnn_moe::ops
