// Attention over the edges of a heterogeneous graph: the heart of a layer of a heterogeneous graph
// transformer (Hu et al., "Heterogeneous Graph Transformer", WWW 2020, arXiv 2003.01332, equations
// 3 to 5), as torch_geometric's HGTConv computes it.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/ops/hgt_edges.h"

namespace hgnn_moe::ops {

// A relation's parameters, of R relations under H heads of d features.
struct HgtWeights {
  at::Tensor k_rel;  // [R, H, d, d]
  at::Tensor v_rel;  // [R, H, d, d]
  at::Tensor p_rel;  // [R, H]
};

// Keys and values of sources k, v [S, H d] and queries of destinations q [N, H d] to [N, H d].
// Under head h, for an edge e of relation r from source j to destination i,
//
//   score_e = <q_i, k_j k_rel_r> p_rel_r / sqrt(d)
//   out_i   = sum_e exp(score_e) v_j v_rel_r / sum_e exp(score_e)
//
// with both sums over all edges into i, of whatever relation; 0 where there is none. Rows multiply
// matrices from the left. float32 or float64, all on one device with edges.lists.
//
// No vector of an edge is ever in memory: relations are taken one after another, each projects what
// it needs on the side that has fewer nodes, in tiles of at most 64 MiB, and a destination keeps a
// running maximum and sum. The backward pass keeps the output and a log-sum-exp a node and head,
// and computes the rest again. On the CPU results do not depend on the number of threads, to the
// bit. Differentiable once, in all six tensors.
at::Tensor hgt_attention(const at::Tensor& k_SF, const at::Tensor& q_NF, const at::Tensor& v_SF,
                         const HgtWeights& weights, const HgtEdges& edges);

// The same in plain ATen operations, edge by edge; differentiable any number of times.
at::Tensor hgt_attention_reference(const at::Tensor& k_SF, const at::Tensor& q_NF,
                                   const at::Tensor& v_SF, const HgtWeights& weights,
                                   const HgtEdges& edges);

}  // namespace hgnn_moe::ops
