// Attention over edges for callers from Python: the same function, with its edges as lists.
#include <tuple>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <torch/library.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/ops/hgt_attention.h"
#include "hgnn_moe/ops/hgt_edges.h"

namespace hgnn_moe::ops {

namespace {

// relation, num_destinations, num_sources, num_edges, first of every relation.
constexpr std::size_t kNumbersOfRelation = 5;

// Runs `call`; what it takes for a bug of its caller is the caller's wrong argument here.
template <typename Call>
auto checked(const char* name, Call call) {
  try {
    return call();
  } catch (const InternalError& error) {
    TORCH_CHECK_VALUE(false, name, ": ", error.what());
    throw;
  }
}

std::vector<RelationEdges> by_relation(const at::Tensor& sources, const at::Tensor& destinations,
                                       const at::Tensor& relations) {
  for (const at::Tensor& ends : {sources, destinations, relations}) {
    TORCH_CHECK_VALUE(
        ends.dim() == 1 && ends.scalar_type() == at::kLong && ends.size(0) == sources.size(0),
        "hgt_edges: sources, destinations and relations are int64 [E] each, one is ",
        ends.scalar_type(), " ", ends.sizes());
  }
  const at::Tensor on_cpu[] = {sources.to(at::kCPU), destinations.to(at::kCPU),
                               relations.to(at::kCPU)};
  const auto from = on_cpu[0].accessor<std::int64_t, 1>();
  const auto to = on_cpu[1].accessor<std::int64_t, 1>();
  const auto relation = on_cpu[2].accessor<std::int64_t, 1>();
  std::vector<RelationEdges> result;
  for (std::int64_t e = 0; e < sources.size(0); ++e) {
    if (result.empty() || result.back().relation != relation[e]) {
      result.push_back({relation[e], {}, {}});
    }
    result.back().sources.push_back(static_cast<std::int32_t>(from[e]));
    result.back().destinations.push_back(static_cast<std::int32_t>(to[e]));
  }
  return result;
}

std::tuple<std::vector<std::int64_t>, at::Tensor> edges_operator(const at::Tensor& sources,
                                                                 const at::Tensor& destinations,
                                                                 const at::Tensor& relations,
                                                                 std::int64_t num_sources,
                                                                 std::int64_t num_destinations) {
  const HgtEdges edges = checked("hgt_edges", [&] {
    return make_hgt_edges(num_sources, num_destinations,
                          by_relation(sources, destinations, relations));
  });
  std::vector<std::int64_t> numbers;
  for (const HgtRelation& r : edges.relations) {
    numbers.insert(numbers.end(),
                   {r.relation, r.num_destinations, r.num_sources, r.num_edges, r.first});
  }
  return {numbers, edges.lists.to(sources.device())};
}

at::Tensor attention_operator(const at::Tensor& k_SF, const at::Tensor& q_NF,
                              const at::Tensor& v_SF, const at::Tensor& k_rel,
                              const at::Tensor& v_rel, const at::Tensor& p_rel,
                              at::IntArrayRef relations, const at::Tensor& lists) {
  TORCH_CHECK_VALUE(k_SF.dim() == 2 && q_NF.dim() == 2 &&
                        relations.size() % kNumbersOfRelation == 0 &&
                        lists.scalar_type() == at::kInt,
                    "hgt_attention: keys and queries have 2 dimensions, and relations and lists "
                    "are what hgt_edges gave");
  HgtEdges edges;
  edges.num_sources = k_SF.size(0);
  edges.num_destinations = q_NF.size(0);
  edges.lists = lists;
  for (std::size_t i = 0; i < relations.size(); i += kNumbersOfRelation) {
    edges.relations.push_back(
        {relations[i], relations[i + 1], relations[i + 2], relations[i + 3], relations[i + 4]});
  }
  return checked("hgt_attention",
                 [&] { return hgt_attention(k_SF, q_NF, v_SF, {k_rel, v_rel, p_rel}, edges); });
}

}  // namespace

TORCH_LIBRARY_IMPL(hgnn_moe, CompositeImplicitAutograd, m) {
  m.impl("hgt_edges", edges_operator);
  m.impl("hgt_attention", attention_operator);
}

}  // namespace hgnn_moe::ops
