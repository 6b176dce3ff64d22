// What src/ops/cpu/hypergraph_mix_kernel.cpp offers, once for each instruction set.
#pragma once

#include <cstdint>

#include "every_isa.h"
#include "kernel_type.h"

namespace hgnn_moe::ops {

// Plain pointers into contiguous tensors; weights, bias and workspace in the type that is computed
// with (float beside bfloat16).
struct HypergraphMixArguments {
  KernelType type;
  std::int64_t experts, hyperedges, dim;
  const std::int64_t *node_offsets, *node_hyperedges;       // [E + 1], [nnz]
  const std::int64_t *hyperedge_offsets, *hyperedge_nodes;  // [M + 1], [nnz]
  bool weights_in_products;  // P = diag(1/d) H diag(w/beta) H^T, else diag(1/d) H diag(1/beta) H^T
  const void* x;             // [N, E, D]
  const void* weights;       // of token n at weights + n * weights_stride
  std::int64_t weights_stride;  // M, or 0 where tokens share them
  const void* bias;             // [D] or null
  bool stream;                  // X is larger than the caches
};

// Where backward writes or adds.
struct HypergraphMixGradientPointers {
  void* x;        // [N, E, D], written
  void* weights;  // [N, M] of all tokens, written; or, shared, [M] of this chunk, added to
  void* bias;     // [D] of this chunk, added to; or null
};

// Elements of the workspace that one thread needs. Static, so that the linker cannot give callers
// the copy that was compiled for AVX-512.
static constexpr std::int64_t hypergraph_mix_workspace(std::int64_t experts) {
  return 4 * experts * experts + 2 * experts;
}

struct HypergraphMixKernels {
  // out_n = P(w_n) x_n + bias for the tokens begin to end.
  void (*forward)(const HypergraphMixArguments&, void* out, void* workspace, std::int64_t begin,
                  std::int64_t end);
  void (*backward)(const HypergraphMixArguments&, const void* d_out,
                   const HypergraphMixGradientPointers&, void* workspace, std::int64_t begin,
                   std::int64_t end);
};

HGNN_MOE_DECLARE_FOR_EVERY_ISA(HypergraphMixKernels, kHypergraphMixKernels);

}  // namespace hgnn_moe::ops
