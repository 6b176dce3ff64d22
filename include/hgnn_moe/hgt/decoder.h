// Scores of triples (head, relation, tail) from the embeddings of their nodes.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/parameters.h"

namespace hgnn_moe::hgt {

// With h, t the embeddings of F features and r the relation's parameters; where complex numbers are
// meant, the first F/2 features are real parts, the others imaginary ones, and F is even.
//   dot       sum h t, whatever the relation
//   distmult  sum h r t (Yang et al., ICLR 2015, arXiv 1412.6575)
//   complex   Re sum h r conj(t) (Trouillon et al., ICML 2016, arXiv 1606.06357)
//   rotate    margin - sum |h r - t| with |r| = 1 (Sun et al., ICLR 2019, arXiv 1902.10197)
struct DecoderOptions {
  HgtDecoder kind = HgtDecoder::distmult;
  double margin = 12.0;  // of rotate; gamma of Sun et al.
};

// The relations' parameters have the names of torch_geometric.nn.kge behind `prefix` and its
// initial values: rel_emb.weight [R, F] (distmult), rel_emb.weight and rel_emb_im.weight [R, F/2]
// (complex), uniform within sqrt(6 / (rows + columns)) (Glorot and Bengio 2010); rel_emb.weight
// [R, F/2] (rotate), the phases of r, uniform in a whole turn. dot has none.
class Decoder {
 public:
  Decoder(Parameters& parameters, const std::string& prefix, const DecoderOptions& options,
          std::int64_t num_relations, std::int64_t features);

  // Triple by triple: heads and tails [B, F], relations int64 [B]; [B].
  at::Tensor score(const at::Tensor& heads_BF, const at::Tensor& relations_B,
                   const at::Tensor& tails_BF) const;
  // Every candidate [C, F] as the tail, or head, of every triple: [B, C]. One matrix product; the
  // distances of rotate in tiles.
  at::Tensor score_tails(const at::Tensor& heads_BF, const at::Tensor& relations_B,
                         const at::Tensor& candidates_CF) const;
  at::Tensor score_heads(const at::Tensor& tails_BF, const at::Tensor& relations_B,
                         const at::Tensor& candidates_CF) const;

 private:
  // What a candidate's embedding is multiplied by, or its distance taken to.
  at::Tensor tail_query(const at::Tensor& heads_BF, const at::Tensor& relations_B) const;
  at::Tensor head_query(const at::Tensor& tails_BF, const at::Tensor& relations_B) const;
  at::Tensor compare(const at::Tensor& queries_BF, const at::Tensor& candidates_CF) const;

  DecoderOptions options_;
  at::Tensor relation_, relation_imaginary_;
};

}  // namespace hgnn_moe::hgt
