// How well a model tells pairs that are joined from pairs that are not.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/hgt/decoder.h"
#include "hgnn_moe/kg/binary_figures.h"
#include "hgnn_moe/kg/graph.h"
#include "hgnn_moe/kg/split.h"
#include "hgnn_moe/kg/triple_index.h"

namespace hgnn_moe::hgt {

// Of one relation: held-out facts against as many pairs of nodes with the same or nearest degrees
// that are not known (kg/degree_matched.h), by the model's scores and by degrees alone
// (kg/relation_degrees.h).
struct LinkFigures {
  std::int32_t relation = 0;
  kg::BinaryFigures model;
  kg::BinaryFigures degree_product;
  kg::BinaryFigures edge_prior;
  std::int64_t without_negative = 0;  // facts that have none and are left out
};

// A score for each triple, on the CPU. embeddings_NF: of all nodes.
std::vector<double> scores_of_triples(const Decoder& decoder, const at::Tensor& embeddings_NF,
                                      const std::vector<kg::Triple>& triples);

// Of each relation that has facts among `triples`, ascending. `known` holds the facts of all parts.
std::vector<LinkFigures> link_figures(const Decoder& decoder, const at::Tensor& embeddings_NF,
                                      const kg::Graph& train,
                                      const std::vector<kg::Triple>& triples,
                                      const kg::TripleIndex& known, std::uint64_t seed);

// Recall@k where all facts of a node were held out (kg::split_nodes): for each node of `node_type`
// and each relation with a fact of it among `triples`, the share of these facts among the k highest
// scores of all nodes that could stand at the other end; the mean over nodes and relations, NaN
// where there are none.
double mean_recall_at(std::int64_t k, const Decoder& decoder, const at::Tensor& embeddings_NF,
                      const kg::Graph& train, std::int32_t node_type,
                      const std::vector<kg::Triple>& triples);

Json to_json(const std::vector<LinkFigures>& figures, const kg::Graph& graph);

}  // namespace hgnn_moe::hgt
