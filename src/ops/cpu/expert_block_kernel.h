// What src/ops/cpu/expert_block_kernel.cpp offers, once for each instruction set.
#pragma once

#include <cstdint>

#include "every_isa.h"
#include "kernel_type.h"

namespace hgnn_moe::ops {

// Plain pointers into contiguous tensors. `type` is that of the matrix products, P; the rest is
// state, of the type that is computed with (float beside bfloat16).

struct ResidualNormArguments {
  KernelType type;
  std::int64_t experts, dim;
  const void* x;                    // [N, D]
  const void* y;                    // [N, E, D], P
  const void *bias, *gamma, *beta;  // [E, D]
  void* h;                          // [N, E, D]
  void* z;                          // [N, E, D], P; may be y
  void *mean, *reciprocal;          // [N, E]
};

struct ResidualNormGradientArguments {
  KernelType type;
  std::int64_t experts, dim;
  const void* d_h;                // [N, E, D]
  const void* d_z;                // [N, E, D], P
  const void* h;                  // [N, E, D]
  const void *mean, *reciprocal;  // [N, E]
  const void* gamma;              // [E, D]
  void* d_y;                      // [N, E, D], P
  void* d_x;                      // [N, D], added to
};

struct NormArguments {
  KernelType type;
  std::int64_t dim;
  const void* x;            // [N, D]
  void* xhat;               // [N, D], P
  void *mean, *reciprocal;  // [N]
};

struct NormGradientArguments {
  KernelType type;
  std::int64_t dim;
  const void* d_xhat;             // [N, D], P
  const void* x;                  // [N, D]
  const void *mean, *reciprocal;  // [N]
  void* d_x;                      // [N, D], added to
};

// The mask of rows [N, E, F]: word f % 4 of philox(keys[e], {f / 4, positions[n], samples[n], 0}).
struct RowDropout {
  const std::uint64_t* keys;                // [E], or null: nothing is dropped
  const std::int64_t *positions, *samples;  // [N]
  std::uint32_t threshold;                  // words below it are dropped
  double scale;                             // of what is kept
};

struct GeluDropoutArguments {
  KernelType type;
  std::int64_t experts, dim;
  const void* u;     // [N, E, F], P
  const void* bias;  // [E, F]
  RowDropout dropout;
};

struct DropoutResidualArguments {
  KernelType type;
  std::int64_t experts, dim;
  const void* h;     // [N, E, D]
  const void* y;     // [N, E, D], P
  const void* bias;  // [E, D]
  void* out;         // [N, E, D]
  RowDropout dropout;
};

struct DropoutResidualGradientArguments {
  KernelType type;
  std::int64_t experts, dim;
  const void* d_out;  // [N, E, D]
  void* d_y;          // [N, E, D], P
  RowDropout dropout;
};

struct ScaleColumnsArguments {
  KernelType type;         // of `out`
  std::int64_t rows, dim;  // O, D
  const void* weight;      // [E, O, D]
  const void* gamma;       // [E, D]
  void* out;               // [E, O, D]
};

// Each for the tokens begin to end. Sums over these tokens are added to `sums`.
struct ExpertBlockKernels {
  void (*residual_norm)(const ResidualNormArguments&, std::int64_t begin, std::int64_t end);
  // sums [3, E, D]: of the bias, gamma, beta.
  void (*residual_norm_gradient)(const ResidualNormGradientArguments&, void* sums,
                                 std::int64_t begin, std::int64_t end);
  void (*norm)(const NormArguments&, std::int64_t begin, std::int64_t end);
  void (*norm_gradient)(const NormGradientArguments&, std::int64_t begin, std::int64_t end);
  // g [N, E, F], P.
  void (*gelu_dropout)(const GeluDropoutArguments&, void* g, std::int64_t begin, std::int64_t end);
  // d_u [N, E, F], P. sums [E, F]: of the bias.
  void (*gelu_dropout_gradient)(const GeluDropoutArguments&, const void* d_g, void* d_u, void* sums,
                                std::int64_t begin, std::int64_t end);
  void (*dropout_residual)(const DropoutResidualArguments&, std::int64_t begin, std::int64_t end);
  // sums [E, D]: of the bias.
  void (*dropout_residual_gradient)(const DropoutResidualGradientArguments&, void* sums,
                                    std::int64_t begin, std::int64_t end);
  // Rows begin to end of all E x O.
  void (*scale_columns)(const ScaleColumnsArguments&, std::int64_t begin, std::int64_t end);
};

HGNN_MOE_DECLARE_FOR_EVERY_ISA(ExpertBlockKernels, kExpertBlockKernels);

}  // namespace hgnn_moe::ops
