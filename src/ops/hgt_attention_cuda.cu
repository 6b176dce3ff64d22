#include <limits>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <c10/cuda/CUDAGuard.h>

#include "cuda/hgt_attention_body.h"
#include "cuda/launch.cuh"
#include "hgt_attention_kernels.h"

namespace hgnn_moe::ops {

namespace {

constexpr int kThreads = 128;  // of a row

cuda::EdgeList kernel_list(const HgtEdgeList& list) {
  return {list.rows, list.offsets, list.neighbours};
}

// The rows of a list, as an index of a tensor.
at::Tensor rows_of(const HgtEdges& edges, const HgtEdgeList& list) {
  const auto first = list.rows - edges.lists.const_data_ptr<std::int32_t>();
  return edges.lists.narrow(0, first, list.count).to(at::kLong);
}

// x [., H, d] at rows, times matrix [H, d, d]: [n, H, d].
at::Tensor project(const at::Tensor& x_NHd, const at::Tensor& rows, const at::Tensor& matrix_Hdd) {
  return at::bmm(x_NHd.index_select(0, rows).transpose(0, 1), matrix_Hdd)
      .transpose(0, 1)
      .contiguous();
}

// x [., H, d] at rows, which are distinct, += values [n, H, d]: no two threads meet.
void add_at(at::Tensor& x_NHd, const at::Tensor& rows, const at::Tensor& values_nHd) {
  x_NHd.index_copy_(0, rows, x_NHd.index_select(0, rows) + values_nHd);
}

// x_h^T y_h over the rows: [H, d, d].
at::Tensor products_of_heads(const at::Tensor& x_nHd, const at::Tensor& y_nHd) {
  return at::bmm(x_nHd.permute({1, 2, 0}), y_nHd.transpose(0, 1));
}

// Of one side's rows: what HgtGradientBody computes.
struct Sums {
  at::Tensor d_score_nHd, d_message_nHd;
};

// The two vectors of each node of a side.
struct Vectors {
  at::Tensor score, message;
};

Sums differentiate(const HgtInputs& in, const HgtRelation& relation, bool rows_are_destinations,
                   const Vectors& own, const Vectors& neighbours, const at::Tensor& log_sum_exp_NH,
                   const at::Tensor& delta_NH) {
  const HgtEdgeList to = destinations_of(in.edges, relation), from = sources_of(in.edges, relation);
  const HgtEdgeList &list = rows_are_destinations ? to : from,
                    &other = rows_are_destinations ? from : to;
  Sums sums;
  sums.d_score_nHd =
      at::empty({list.count, in.q_NHd.size(1), in.q_NHd.size(2)}, in.q_NHd.options());
  sums.d_message_nHd = at::empty_like(sums.d_score_nHd);
  const at::Tensor scale_H = in.scale_RH[relation.relation];
  AT_DISPATCH_FLOATING_TYPES(in.q_NHd.scalar_type(), "hgt_attention_gradient_cuda", [&] {
    const cuda::HgtGradientArguments<scalar_t> a{static_cast<int>(in.q_NHd.size(1)),
                                                 static_cast<int>(in.q_NHd.size(2)),
                                                 kernel_list(list),
                                                 rows_are_destinations,
                                                 own.score.const_data_ptr<scalar_t>(),
                                                 own.message.const_data_ptr<scalar_t>(),
                                                 other.rows,
                                                 neighbours.score.const_data_ptr<scalar_t>(),
                                                 neighbours.message.const_data_ptr<scalar_t>(),
                                                 scale_H.const_data_ptr<scalar_t>(),
                                                 log_sum_exp_NH.const_data_ptr<scalar_t>(),
                                                 delta_NH.const_data_ptr<scalar_t>(),
                                                 sums.d_score_nHd.mutable_data_ptr<scalar_t>(),
                                                 sums.d_message_nHd.mutable_data_ptr<scalar_t>()};
    cuda::launch<cuda::HgtGradientBody<scalar_t>>(a, list.count, cuda::blocks_of(list.count, 1),
                                                  kThreads);
  });
  return sums;
}

}  // namespace

HgtResult hgt_attention_cuda(const HgtInputs& in) {
  const c10::cuda::CUDAGuard guard(in.q_NHd.device());
  const std::int64_t nodes = in.q_NHd.size(0), heads = in.q_NHd.size(1), dim = in.q_NHd.size(2);
  at::Tensor total_NHd = at::zeros_like(in.q_NHd);
  at::Tensor maximum_NH =
      at::full({nodes, heads}, -std::numeric_limits<double>::infinity(), in.q_NHd.options());
  at::Tensor sum_NH = at::zeros_like(maximum_NH);
  for (const HgtRelation& relation : in.edges.relations) {
    const at::Tensor rows = rows_of(in.edges, sources_of(in.edges, relation));
    const at::Tensor key_nHd = project(in.k_SHd, rows, in.k_rel_RHdd[relation.relation]);
    const at::Tensor value_nHd = project(in.v_SHd, rows, in.v_rel_RHdd[relation.relation]);
    const at::Tensor scale_H = in.scale_RH[relation.relation];
    const HgtEdgeList list = destinations_of(in.edges, relation);
    AT_DISPATCH_FLOATING_TYPES(in.q_NHd.scalar_type(), "hgt_attention_cuda", [&] {
      const cuda::HgtAttendArguments<scalar_t> a{static_cast<int>(heads),
                                                 static_cast<int>(dim),
                                                 kernel_list(list),
                                                 in.q_NHd.const_data_ptr<scalar_t>(),
                                                 key_nHd.const_data_ptr<scalar_t>(),
                                                 value_nHd.const_data_ptr<scalar_t>(),
                                                 scale_H.const_data_ptr<scalar_t>(),
                                                 maximum_NH.mutable_data_ptr<scalar_t>(),
                                                 sum_NH.mutable_data_ptr<scalar_t>(),
                                                 total_NHd.mutable_data_ptr<scalar_t>()};
      cuda::launch<cuda::HgtAttendBody<scalar_t>>(a, list.count, cuda::blocks_of(list.count, 1),
                                                  kThreads);
    });
  }
  // Without an edge: 0, and a log-sum-exp of -infinity.
  const at::Tensor divisor_NH = sum_NH.masked_fill(sum_NH == 0, 1.0);
  return {total_NHd / divisor_NH.unsqueeze(2), maximum_NH + divisor_NH.log()};
}

HgtGradients hgt_attention_gradient_cuda(const HgtInputs& in, const HgtResult& result,
                                         const at::Tensor& d_out_NHd) {
  const c10::cuda::CUDAGuard guard(in.q_NHd.device());
  HgtGradients d{at::zeros_like(in.k_SHd),      at::zeros_like(in.q_NHd),
                 at::zeros_like(in.v_SHd),      at::zeros_like(in.k_rel_RHdd),
                 at::zeros_like(in.v_rel_RHdd), at::zeros_like(in.scale_RH)};
  const at::Tensor delta_NH = (d_out_NHd * result.out_NHd).sum(2);
  for (const HgtRelation& relation : in.edges.relations) {
    const std::int64_t r = relation.relation;
    const at::Tensor sources = rows_of(in.edges, sources_of(in.edges, relation));
    const at::Tensor destinations = rows_of(in.edges, destinations_of(in.edges, relation));
    const at::Tensor scale_H1 = in.scale_RH[r].unsqueeze(1);
    const Vectors projected{project(in.k_SHd, sources, in.k_rel_RHdd[r]),
                            project(in.v_SHd, sources, in.v_rel_RHdd[r])};
    const Vectors plain{in.q_NHd, d_out_NHd};
    const Sums to =
        differentiate(in, relation, true, plain, projected, result.log_sum_exp_NH, delta_NH);
    add_at(d.q_NHd, destinations, to.d_score_nHd * scale_H1);
    const Sums from =
        differentiate(in, relation, false, projected, plain, result.log_sum_exp_NH, delta_NH);
    d.scale_RH[r].copy_((projected.score * from.d_score_nHd).sum(2).sum(0));
    const at::Tensor d_key_nHd = from.d_score_nHd * scale_H1;
    d.k_rel_RHdd[r].copy_(products_of_heads(in.k_SHd.index_select(0, sources), d_key_nHd));
    d.v_rel_RHdd[r].copy_(products_of_heads(in.v_SHd.index_select(0, sources), from.d_message_nHd));
    const at::Tensor all = at::arange(sources.size(0), sources.options());
    add_at(d.k_SHd, sources, project(d_key_nHd, all, in.k_rel_RHdd[r].transpose(1, 2)));
    add_at(d.v_SHd, sources, project(from.d_message_nHd, all, in.v_rel_RHdd[r].transpose(1, 2)));
  }
  return d;
}

}  // namespace hgnn_moe::ops
