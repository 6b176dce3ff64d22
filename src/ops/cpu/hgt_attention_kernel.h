// What src/ops/cpu/hgt_attention_kernel.cpp offers, once for each instruction set.
#pragma once

#include <cstdint>

#include "every_isa.h"
#include "kernel_type.h"

namespace hgnn_moe::ops {

// A head's features are a multiple of this: whole vectors of every instruction set.
static constexpr std::int64_t kHgtDimMultiple = 16;
// Nodes that a thread works on at once.
static constexpr std::int64_t kHgtChunkRows = 32;

// Every node has H x d elements of `type` (float32 or float64) a tensor, contiguous.
struct HgtShape {
  KernelType type;
  std::int64_t heads, dim;
};

// One side of a relation's edges, as HgtEdges lists it.
struct HgtList {
  const std::int32_t* rows;        // [n] of the side's tensors
  const std::int32_t* offsets;     // [n + 1]
  const std::int32_t* neighbours;  // positions in the other side's rows, ascending within a row
  std::int64_t count;              // n
};

// The two vectors of each node of a side. The dot product of the `score` vectors of both ends of an
// edge is its score before scaling: a key and a query. The other is a value, or the gradient of a
// destination's output. Either side's are multiplied by the relation's matrices, the other's not.
struct HgtVectors {
  const void* score;
  const void* message;
};

// The other side, as the edges of a row see it.
struct HgtNeighbours {
  HgtVectors vectors;
  const std::int32_t* rows;  // of position p in the side's tensors: rows[p]
  bool by_position;          // vectors, being projected, stand at p - begin instead
  std::int32_t begin, end;   // positions; edges to others are left out
};

// The softmax of the edges seen so far of every destination: its output is total / sum.
struct HgtState {
  void* maximum;  // [N, H] of the scores; after finish() their log-sum-exp
  void* sum;      // [N, H] of exp(score - maximum)
  void* total;    // [N, H, d], of these times values
};

struct HgtAttend {
  HgtShape shape;
  HgtList destinations;
  const void* query;          // [N, H, d]
  HgtNeighbours sources;      // keys and values
  const void* scale;          // [H]
  const void* query_matrix;   // [H, d, d] to multiply queries by, or null where keys and values
  const void* output_matrix;  // are projected; the same for the sums of values
  HgtState state;
};

// Of destinations; an edge's probability is exp(score - log_sum_exp), and the gradient of its score
// probability * (<gradient of the output, value> - delta).
struct HgtSoftmax {
  const void* log_sum_exp;  // [N, H]
  const void* delta;        // [N, H]
};

struct HgtDifferentiate {
  HgtShape shape;
  HgtList list;
  bool rows_are_destinations;  // else the neighbours are
  HgtVectors own;              // of the rows, see below
  HgtNeighbours neighbours;
  const void* scale;  // [H]
  HgtSoftmax softmax;
  // Added to: the gradients of the rows' vectors. d_message is null for destinations, whose second
  // vector is no input.
  void* d_score;
  void* d_message;
};

// What differentiate_projected() needs besides: own vectors stand at position - first.
struct HgtProjected {
  std::int64_t first;
  HgtVectors inputs;           // the rows' vectors before projection
  const void* score_matrix;    // [H, d, d], transposed: from a projected vector's gradient back
  const void* message_matrix;  // [H, d, d], likewise
  // Sums to be added to.
  void* d_score_matrix;    // [H, d, d] of the matrix that the vectors were multiplied by
  void* d_message_matrix;  // [H, d, d]
  void* d_scale;           // [H]
};

// Elements of the workspace of one thread; enough for every instruction set. Static, so that the
// linker cannot give callers the copy that was compiled for AVX-512.
static constexpr std::int64_t hgt_attention_workspace(std::int64_t heads, std::int64_t dim) {
  // Four tiles of a chunk, a chunk's softmax, and six numbers for each of 32 edges and head.
  return 4 * kHgtChunkRows * heads * dim + 2 * kHgtChunkRows * heads + 6 * 32 * (heads + 16);
}

// A chunk is rows `begin` to `end` of a list, at most kHgtChunkRows.
struct HgtAttentionKernels {
  // out [kHgtChunkRows, H, d] = rows rows[0] to rows[count - 1] of `in` times matrix [H, d, d];
  // zeros behind them.
  void (*project)(const HgtShape&, const void* in, const std::int32_t* rows, std::int64_t count,
                  const void* matrix, void* out, void* workspace);
  // Takes the edges of a chunk of destinations into the state.
  void (*attend)(const HgtAttend&, void* workspace, std::int64_t begin, std::int64_t end);
  // Nodes begin to end after all relations: out = total / sum in place, 0 without an edge.
  void (*finish)(const HgtShape&, const HgtState&, std::int64_t begin, std::int64_t end);
  // delta [N, H] = <d_out, out> a head, for nodes begin to end.
  void (*dot_heads)(const HgtShape&, const void* d_out, const void* out, void* delta,
                    std::int64_t begin, std::int64_t end);
  // A chunk whose own vectors are inputs, beside neighbours that are projected.
  void (*differentiate)(const HgtDifferentiate&, void* workspace, std::int64_t begin,
                        std::int64_t end);
  // A chunk whose own vectors are projected, beside neighbours that are inputs.
  void (*differentiate_projected)(const HgtDifferentiate&, const HgtProjected&, void* workspace,
                                  std::int64_t begin, std::int64_t end);
};

HGNN_MOE_DECLARE_FOR_EVERY_ISA(HgtAttentionKernels, kHgtAttentionKernels);

}  // namespace hgnn_moe::ops
