// A layer of a heterogeneous graph transformer (Hu et al., WWW 2020, arXiv 2003.01332), exactly as
// torch_geometric 2.8's HGTConv computes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/hgt/block_tensors.h"
#include "hgnn_moe/hgt/parameters.h"
#include "hgnn_moe/hgt/schema.h"
#include "hgnn_moe/ops/counter_dropout.h"

namespace hgnn_moe::hgt {

// What edges read of the nodes that they leave.
struct HgtKeysValues {
  at::Tensor k_SF, v_SF;
};

struct HgtConvOptions {
  std::vector<std::int64_t> in_dims;  // of each node type
  std::int64_t out_dim = 0;           // F, a multiple of num_heads
  std::int64_t num_heads = 1;         // H; d = F / H
  bool layer_norm = false;            // of each type, behind the skip connection, as in pyHGT
};

// For a node i of type t with features x_i, over its incoming edges of all relations:
//
//   k_i, q_i, v_i = the thirds of kqv_lin_t(x_i)
//   a_i   = hgt_attention (ops/hgt_attention.h) of k, q, v; 0 where there is no edge
//   o_i   = out_lin_t(gelu(a_i)), with dropout where it is asked for
//   out_i = s o_i + (1 - s) x_i with s = sigmoid(skip_t), where x_i has F features; else o_i
//
// and with layer_norm its normalisation (Ba, Kiros, Hinton 2016) with weight and bias of the type.
// torch_geometric leaves out types without an incoming relation; here their nodes are nodes without
// an edge. Nodes without edges are not projected: what out_lin_t makes of 0 is its bias.
class HgtConv {
 public:
  // Names are torch_geometric's behind `prefix`, in its order: kqv_lin.lins.TYPE.{weight,bias}
  // [3F, in], out_lin.lins.TYPE.{weight,bias} [F, F], k_rel.weight and v_rel.weight [H R, d, d]
  // (head h of relation r at h R + r), skip.TYPE [1], p_rel.RELATION [1, H]; and behind them
  // norms.TYPE.{weight,bias} [F]. As there, matrices and biases begin uniform within 1/sqrt(in)
  // (1/sqrt(d) for k_rel and v_rel), skip, p_rel and the norms' weights at 1, their biases at 0.
  HgtConv(Parameters& parameters, const std::string& prefix, const Schema& schema,
          const HgtConvOptions& options);

  // features_SF: of the block's sources, a tensor [S_t, in_t] for each type. The same of its
  // destinations, [N_t, F]. Dropout draws by the node's number in the graph.
  std::vector<at::Tensor> operator()(const BlockTensors& block,
                                     const std::vector<at::Tensor>& features_SF,
                                     const ops::DropoutStream& dropout = {}) const;

  // The same in two steps, for inference in tiles, whose blocks share most of their sources: keys
  // and values [S_t, F] of some nodes of a type; and the features of a block's destinations from
  // the keys and values of the nodes that its edges leave (BlockTensors::edges.num_sources rows)
  // and from its destinations' own features, a tensor [N_t, in_t] for each type.
  HgtKeysValues keys_values(std::size_t type, const at::Tensor& features_SF) const;
  std::vector<at::Tensor> from_keys_values(const BlockTensors& block, const HgtKeysValues& heads,
                                           const std::vector<at::Tensor>& features_NF) const;

 private:
  struct Norm {
    at::Tensor weight, bias;  // [F]
  };

  HgtKeysValues keys_values_of(const BlockTensors& block,
                               const std::vector<at::Tensor>& features_SF) const;
  at::Tensor attend(const BlockTensors& block, const HgtKeysValues& heads,
                    const std::vector<at::Tensor>& tails_TF) const;
  at::Tensor update(std::size_t type, const TypeNodes& nodes, const at::Tensor& attended,
                    const at::Tensor& features_NF, const ops::DropoutStream& dropout) const;
  // Of all types; `attended` of all tails, undefined without edges. features_of(t) are those of the
  // type's destinations.
  template <typename FeaturesOf>
  std::vector<at::Tensor> update_all(const BlockTensors& block, const at::Tensor& attended,
                                     FeaturesOf features_of,
                                     const ops::DropoutStream& dropout) const;

  HgtConvOptions options_;
  std::vector<Linear> kqv_lin_, out_lin_;  // of each type
  at::Tensor k_rel_, v_rel_;
  std::vector<at::Tensor> skip_;   // of each type
  std::vector<at::Tensor> p_rel_;  // of each relation
  std::vector<Norm> norms_;        // of each type, or none
};

}  // namespace hgnn_moe::hgt
