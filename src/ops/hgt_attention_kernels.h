// Implementations of hgt_attention, on arguments that the caller has checked and padded.
#pragma once

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/cpu_isa.h"
#include "hgnn_moe/ops/hgt_edges.h"

namespace hgnn_moe::ops {

// Contiguous, of one type and device; d is padded with zeros to a multiple of 16.
struct HgtInputs {
  at::Tensor k_SHd, q_NHd, v_SHd;
  at::Tensor k_rel_RHdd, v_rel_RHdd;
  at::Tensor scale_RH;  // p_rel / sqrt(d), d before padding
  HgtEdges edges;
};

struct HgtResult {
  at::Tensor out_NHd;
  at::Tensor log_sum_exp_NH;  // of a node's scores; -infinity without an edge
};

struct HgtGradients {
  at::Tensor k_SHd, q_NHd, v_SHd;
  at::Tensor k_rel_RHdd, v_rel_RHdd;
  at::Tensor scale_RH;
};

// The side of a relation whose vectors are multiplied by its matrices: the one with fewer nodes,
// or, in tests, the one that is named. <q, k A> = <q A^T, k>, and sums of p v M are (sums of p v)
// M.
enum class HgtProjection { fewer, sources, destinations };

inline bool projects_sources(const HgtRelation& relation, HgtProjection projection) {
  if (projection != HgtProjection::fewer) return projection == HgtProjection::sources;
  return relation.num_sources <= relation.num_destinations;
}

// What an implementation may be asked beyond its inputs.
struct HgtChoices {
  HgtProjection projection = HgtProjection::fewer;
  std::int64_t projection_bytes = 64 << 20;  // of a tile of projected vectors
};

HgtResult hgt_attention_cpu(CpuIsa isa, const HgtInputs& in, const HgtChoices& choices);
HgtGradients hgt_attention_gradient_cpu(CpuIsa isa, const HgtInputs& in, const HgtResult& result,
                                        const at::Tensor& d_out_NHd, const HgtChoices& choices);

// Projects on sources in one tile; matrix products are LibTorch's.
HgtResult hgt_attention_cuda(const HgtInputs& in);
HgtGradients hgt_attention_gradient_cuda(const HgtInputs& in, const HgtResult& result,
                                         const at::Tensor& d_out_NHd);

}  // namespace hgnn_moe::ops
