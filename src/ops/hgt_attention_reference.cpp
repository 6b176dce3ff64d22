#include <cmath>
#include <vector>

#include <ATen/ATen.h>

#include "hgnn_moe/ops/hgt_attention.h"

namespace hgnn_moe::ops {

namespace {

at::Tensor as_tensor(const std::int32_t* values, std::int64_t count, const at::Tensor& lists) {
  const auto first = values - lists.const_data_ptr<std::int32_t>();
  return lists.narrow(0, first, count).to(at::kLong);
}

// Of every edge of a relation, by destination: the rows of its two ends, int64 [e] each.
struct EdgeEnds {
  at::Tensor sources, destinations;
};

EdgeEnds ends_of(const HgtEdges& edges, const HgtRelation& relation) {
  const HgtEdgeList to = destinations_of(edges, relation), from = sources_of(edges, relation);
  const at::Tensor rows = as_tensor(to.rows, to.count, edges.lists);
  const at::Tensor offsets = as_tensor(to.offsets, to.count + 1, edges.lists);
  const at::Tensor source_rows = as_tensor(from.rows, from.count, edges.lists);
  return {source_rows.index_select(0, as_tensor(to.neighbours, relation.num_edges, edges.lists)),
          rows.repeat_interleave(offsets.diff())};
}

// [., H d] taken at rows, by heads: [H, e, d].
at::Tensor heads_of(const at::Tensor& x_NF, const at::Tensor& rows, std::int64_t heads) {
  return x_NF.index_select(0, rows).unflatten(1, {heads, -1}).transpose(0, 1);
}

}  // namespace

at::Tensor hgt_attention_reference(const at::Tensor& k_SF, const at::Tensor& q_NF,
                                   const at::Tensor& v_SF, const HgtWeights& weights,
                                   const HgtEdges& edges) {
  const std::int64_t heads = weights.k_rel.size(1), dim = weights.k_rel.size(2);
  if (edges.relations.empty()) return at::zeros_like(q_NF);
  std::vector<at::Tensor> scores, messages, destinations;
  for (const HgtRelation& relation : edges.relations) {
    const EdgeEnds ends = ends_of(edges, relation);
    const at::Tensor k_HEd =
        at::bmm(heads_of(k_SF, ends.sources, heads), weights.k_rel[relation.relation]);
    const at::Tensor q_HEd = heads_of(q_NF, ends.destinations, heads);
    const at::Tensor factor_H1 =
        weights.p_rel[relation.relation].unsqueeze(1) / std::sqrt(static_cast<double>(dim));
    scores.push_back((q_HEd * k_HEd).sum(2) * factor_H1);
    messages.push_back(
        at::bmm(heads_of(v_SF, ends.sources, heads), weights.v_rel[relation.relation]));
    destinations.push_back(ends.destinations);
  }
  const at::Tensor scores_EH = at::cat(scores, 1).t();
  const at::Tensor messages_EHd = at::cat(messages, 1).transpose(0, 1);
  const at::Tensor to_E = at::cat(destinations);
  // The largest score of a destination changes nothing and keeps the exponentials finite.
  const at::Tensor index_EH = to_E.unsqueeze(1).expand_as(scores_EH);
  const at::Tensor largest_NH =
      at::zeros({q_NF.size(0), heads}, q_NF.options())
          .scatter_reduce(0, index_EH, scores_EH.detach(), "amax", /*include_self=*/false);
  const at::Tensor exponentials_EH = at::exp(scores_EH - largest_NH.index_select(0, to_E));
  const at::Tensor sums_NH = at::zeros_like(largest_NH).index_add(0, to_E, exponentials_EH);
  const at::Tensor probabilities_EH = exponentials_EH / sums_NH.index_select(0, to_E);
  const at::Tensor weighted_EF = (messages_EHd * probabilities_EH.unsqueeze(2)).flatten(1);
  return at::zeros_like(q_NF).index_add(0, to_E, weighted_EF);
}

}  // namespace hgnn_moe::ops
