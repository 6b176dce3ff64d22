// What src/ops/cpu/gnn_message_kernel.cpp offers, once for each instruction set.
#pragma once

#include <cstdint>

#include "every_isa.h"
#include "kernel_type.h"

namespace hgnn_moe::ops {

// Plain pointers into contiguous tensors; weights and workspace in the type that is computed with
// (float beside bfloat16).
struct GnnMessageArguments {
  KernelType type;
  std::int64_t experts, dim;
  const void* x;               // [N, E, D]
  const void* message_weight;  // [2, D]
  const void* message_bias;    // [1]
  const void* adjacency;       // [E, E], after the sigmoid; the diagonal is not read
  bool stream;                 // X is larger than the caches
};

// Sums over the tokens of a chunk, to be added to.
struct GnnMessageSums {
  void* message_weight;  // [2, D]
  void* message_bias;    // [1]
  void* adjacency;       // [E, E]
};

// Elements of the workspace that one thread needs. Static, so that the linker cannot give callers
// the copy that was compiled for AVX-512.
static constexpr std::int64_t gnn_message_workspace(std::int64_t experts, std::int64_t dim) {
  return 4 * experts * experts + 4 * experts + experts * dim;
}

struct GnnMessageKernels {
  // out_n = K_n x_n for the tokens begin to end.
  void (*forward)(const GnnMessageArguments&, void* out, void* workspace, std::int64_t begin,
                  std::int64_t end);
  // d_x_n, and what the tokens add to the gradients of the weights; K is computed again.
  void (*backward)(const GnnMessageArguments&, const void* d_out, void* d_x,
                   const GnnMessageSums& sums, void* workspace, std::int64_t begin,
                   std::int64_t end);
};

HGNN_MOE_DECLARE_FOR_EVERY_ISA(GnnMessageKernels, kGnnMessageKernels);

}  // namespace hgnn_moe::ops
