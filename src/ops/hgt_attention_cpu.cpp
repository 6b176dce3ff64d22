#include <algorithm>
#include <limits>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "cpu/hgt_attention_kernel.h"
#include "cpu_launch.h"
#include "hgt_attention_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

// A chunk of rows ends where it has so many edges, so that chunks cost about the same.
constexpr std::int64_t kEdgesOfChunk = 512;
// Sums over the chunks of a tile are kept apart for so many groups, and added in order.
constexpr std::int64_t kMaxGroups = 64;
// Nodes of finish() and dot_heads() that are worth a thread of their own.
constexpr std::int64_t kNodesAtOnce = 256;

struct Range {
  std::int64_t begin, end;
};

// Chunks of the rows [begin, end) of a list. They depend on the list alone, not on the threads.
std::vector<Range> chunks_of(const HgtEdgeList& list, Range rows) {
  std::vector<Range> chunks;
  std::int64_t begin = rows.begin;
  for (std::int64_t end = rows.begin + 1; end <= rows.end; ++end) {
    const bool is_full =
        end - begin == kHgtChunkRows || list.offsets[end] - list.offsets[begin] >= kEdgesOfChunk;
    if (!is_full && end < rows.end) continue;
    chunks.push_back({begin, end});
    begin = end;
  }
  return chunks;
}

HgtList kernel_list(const HgtEdgeList& list) {
  return {list.rows, list.offsets, list.neighbours, list.count};
}

// A relation's matrices as one pass needs them, [H, d, d] each.
struct Matrices {
  const void *score, *message;
};

// The tensors of one call and the kernels that work on them.
class Passes {
 public:
  Passes(CpuIsa isa, const HgtInputs& in, const HgtChoices& choices)
      : kernels_(HGNN_MOE_KERNELS_OF(isa, kHgtAttentionKernels)),
        in_(in),
        choices_(choices),
        shape_{kernel_type(in.q_NHd), in.q_NHd.size(1), in.q_NHd.size(2)},
        k_rel_transposed_(in.k_rel_RHdd.transpose(2, 3).contiguous()),
        v_rel_transposed_(in.v_rel_RHdd.transpose(2, 3).contiguous()) {}

  HgtResult forward();
  HgtGradients backward(const HgtResult& result, const at::Tensor& d_out_NHd);

 private:
  // One relation in the backward pass, with the projected side first.
  struct Gradient {
    const HgtRelation& relation;
    bool sources_projected;
    HgtEdgeList projected, plain;
    HgtVectors projected_inputs, plain_inputs;
    void *d_projected_score, *d_projected_message, *d_plain_score, *d_plain_message;
    HgtSoftmax softmax;
  };

  std::int64_t features() const { return shape_.heads * shape_.dim; }
  const void* of_relation(const at::Tensor& tensor_R, const HgtRelation& relation) const {
    return tensor_R.select(0, relation.relation).const_data_ptr();
  }
  Matrices as_given(const HgtRelation& r) const {
    return {of_relation(in_.k_rel_RHdd, r), of_relation(in_.v_rel_RHdd, r)};
  }
  Matrices transposed(const HgtRelation& r) const {
    return {of_relation(k_rel_transposed_, r), of_relation(v_rel_transposed_, r)};
  }

  // Calls body(workspace, index) for indices 0 to count on all threads.
  template <typename Body>
  void in_parallel(std::int64_t count, Body body) const {
    at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
      const at::Tensor workspace =
          at::empty({hgt_attention_workspace(shape_.heads, shape_.dim)}, in_.q_NHd.options());
      for (std::int64_t i = begin; i < end; ++i) body(workspace.mutable_data_ptr(), i);
    });
  }

  // Calls body(projected vectors, rows) for one tile of the list after another.
  template <typename Body>
  void for_projected_tiles(const HgtEdgeList& list, const HgtVectors& inputs,
                           const Matrices& matrices, Body body);
  void project(const HgtEdgeList& list, Range rows, const void* inputs, const void* matrix,
               at::Tensor& out) const;

  void attend(const HgtRelation& relation, const HgtNeighbours& sources, const Matrices& matrices,
              const HgtState& state) const;
  void differentiate(const Gradient& g, HgtGradients& d);
  void differentiate_plain(const Gradient& g, const HgtVectors& projected, Range tile) const;
  void differentiate_projected(const Gradient& g, const HgtVectors& projected, Range tile,
                               HgtGradients& d) const;

  const HgtAttentionKernels& kernels_;
  const HgtInputs& in_;
  HgtChoices choices_;
  HgtShape shape_;
  at::Tensor k_rel_transposed_, v_rel_transposed_;
  at::Tensor projected_score_, projected_message_;  // of a tile, kept for the next one
};

void Passes::project(const HgtEdgeList& list, Range rows, const void* inputs, const void* matrix,
                     at::Tensor& out) const {
  const std::int64_t count = rows.end - rows.begin;
  const std::int64_t chunks = (count + kHgtChunkRows - 1) / kHgtChunkRows;
  auto* const first = static_cast<char*>(out.mutable_data_ptr());
  const std::int64_t chunk_bytes = kHgtChunkRows * features() * out.element_size();
  in_parallel(chunks, [&](void* workspace, std::int64_t c) {
    const std::int64_t begin = c * kHgtChunkRows;
    kernels_.project(shape_, inputs, list.rows + rows.begin + begin,
                     std::min(kHgtChunkRows, count - begin), matrix, first + c * chunk_bytes,
                     workspace);
  });
}

template <typename Body>
void Passes::for_projected_tiles(const HgtEdgeList& list, const HgtVectors& inputs,
                                 const Matrices& matrices, Body body) {
  const std::int64_t bytes = 2 * features() * in_.q_NHd.element_size();  // of a node
  const std::int64_t rows = std::max(kHgtChunkRows, choices_.projection_bytes / bytes);
  for (std::int64_t begin = 0; begin < list.count; begin += rows) {
    const Range tile{begin, std::min(list.count, begin + rows)};
    const std::int64_t padded =
        (tile.end - tile.begin + kHgtChunkRows - 1) / kHgtChunkRows * kHgtChunkRows;
    if (!projected_score_.defined() || projected_score_.size(0) < padded) {
      projected_score_ = at::empty({padded, shape_.heads, shape_.dim}, in_.q_NHd.options());
      projected_message_ = at::empty_like(projected_score_);
    }
    project(list, tile, inputs.score, matrices.score, projected_score_);
    project(list, tile, inputs.message, matrices.message, projected_message_);
    body(HgtVectors{projected_score_.const_data_ptr(), projected_message_.const_data_ptr()}, tile);
  }
}

void Passes::attend(const HgtRelation& relation, const HgtNeighbours& sources,
                    const Matrices& matrices, const HgtState& state) const {
  const HgtEdgeList list = destinations_of(in_.edges, relation);
  const HgtAttend a{shape_,
                    kernel_list(list),
                    in_.q_NHd.const_data_ptr(),
                    sources,
                    of_relation(in_.scale_RH, relation),
                    matrices.score,
                    matrices.message,
                    state};
  const std::vector<Range> chunks = chunks_of(list, {0, list.count});
  in_parallel(static_cast<std::int64_t>(chunks.size()), [&](void* workspace, std::int64_t c) {
    kernels_.attend(a, workspace, chunks[c].begin, chunks[c].end);
  });
}

HgtResult Passes::forward() {
  const std::int64_t nodes = in_.q_NHd.size(0);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  HgtResult result{at::zeros_like(in_.q_NHd),
                   at::full({nodes, shape_.heads}, -kInfinity, in_.q_NHd.options())};
  at::Tensor sum_NH = at::zeros_like(result.log_sum_exp_NH);
  const HgtState state{result.log_sum_exp_NH.mutable_data_ptr(), sum_NH.mutable_data_ptr(),
                       result.out_NHd.mutable_data_ptr()};
  const HgtVectors inputs{in_.k_SHd.const_data_ptr(), in_.v_SHd.const_data_ptr()};
  for (const HgtRelation& relation : in_.edges.relations) {
    const HgtEdgeList sources = sources_of(in_.edges, relation);
    const auto count = static_cast<std::int32_t>(sources.count);
    if (!projects_sources(relation, choices_.projection)) {
      attend(relation, {inputs, sources.rows, /*by_position=*/false, 0, count},
             {transposed(relation).score, as_given(relation).message}, state);
      continue;
    }
    for_projected_tiles(
        sources, inputs, as_given(relation), [&](const HgtVectors& projected, Range tile) {
          attend(relation,
                 {projected, sources.rows, /*by_position=*/true,
                  static_cast<std::int32_t>(tile.begin), static_cast<std::int32_t>(tile.end)},
                 {nullptr, nullptr}, state);
        });
  }
  at::parallel_for(0, nodes, kNodesAtOnce, [&](std::int64_t begin, std::int64_t end) {
    kernels_.finish(shape_, state, begin, end);
  });
  return result;
}

void Passes::differentiate_plain(const Gradient& g, const HgtVectors& projected, Range tile) const {
  const HgtDifferentiate a{
      shape_,
      kernel_list(g.plain),
      /*rows_are_destinations=*/g.sources_projected,
      g.plain_inputs,
      {projected, g.projected.rows, /*by_position=*/true, static_cast<std::int32_t>(tile.begin),
       static_cast<std::int32_t>(tile.end)},
      of_relation(in_.scale_RH, g.relation),
      g.softmax,
      g.d_plain_score,
      g.d_plain_message};
  const std::vector<Range> chunks = chunks_of(g.plain, {0, g.plain.count});
  in_parallel(static_cast<std::int64_t>(chunks.size()), [&](void* workspace, std::int64_t c) {
    kernels_.differentiate(a, workspace, chunks[c].begin, chunks[c].end);
  });
}

void Passes::differentiate_projected(const Gradient& g, const HgtVectors& projected, Range tile,
                                     HgtGradients& d) const {
  const HgtDifferentiate a{shape_,
                           kernel_list(g.projected),
                           /*rows_are_destinations=*/!g.sources_projected,
                           projected,
                           {g.plain_inputs, g.plain.rows, /*by_position=*/false, 0,
                            static_cast<std::int32_t>(g.plain.count)},
                           of_relation(in_.scale_RH, g.relation),
                           g.softmax,
                           g.d_projected_score,
                           g.d_projected_message};
  const Matrices back = g.sources_projected ? transposed(g.relation) : as_given(g.relation);
  const std::vector<Range> chunks = chunks_of(g.projected, tile);
  const auto count = static_cast<std::int64_t>(chunks.size());
  const std::int64_t groups = std::min(kMaxGroups, count);
  const std::vector<std::int64_t> matrix{groups, shape_.heads, shape_.dim, shape_.dim};
  const at::Tensor k_rel_GHdd = at::zeros(matrix, in_.q_NHd.options());
  const at::Tensor v_rel_GHdd = at::zeros(matrix, in_.q_NHd.options());
  const at::Tensor scale_GH = at::zeros({groups, shape_.heads}, in_.q_NHd.options());
  in_parallel(groups, [&](void* workspace, std::int64_t group) {
    const HgtProjected p{tile.begin,
                         g.projected_inputs,
                         back.score,
                         back.message,
                         k_rel_GHdd[group].mutable_data_ptr(),
                         v_rel_GHdd[group].mutable_data_ptr(),
                         scale_GH[group].mutable_data_ptr()};
    for (std::int64_t c = group * count / groups; c < (group + 1) * count / groups; ++c) {
      kernels_.differentiate_projected(a, p, workspace, chunks[c].begin, chunks[c].end);
    }
  });
  // Destinations were multiplied by the transposed matrices.
  const auto as_matrix = [&](const at::Tensor& sums) {
    return g.sources_projected ? sum_in_order(sums) : sum_in_order(sums).transpose(1, 2);
  };
  d.k_rel_RHdd[g.relation.relation].add_(as_matrix(k_rel_GHdd));
  d.v_rel_RHdd[g.relation.relation].add_(as_matrix(v_rel_GHdd));
  d.scale_RH[g.relation.relation].add_(sum_in_order(scale_GH));
}

void Passes::differentiate(const Gradient& g, HgtGradients& d) {
  const Matrices matrices = g.sources_projected ? as_given(g.relation) : transposed(g.relation);
  for_projected_tiles(g.projected, g.projected_inputs, matrices,
                      [&](const HgtVectors& projected, Range tile) {
                        differentiate_plain(g, projected, tile);
                        differentiate_projected(g, projected, tile, d);
                      });
}

HgtGradients Passes::backward(const HgtResult& result, const at::Tensor& d_out_NHd) {
  HgtGradients d{at::zeros_like(in_.k_SHd),      at::zeros_like(in_.q_NHd),
                 at::zeros_like(in_.v_SHd),      at::zeros_like(in_.k_rel_RHdd),
                 at::zeros_like(in_.v_rel_RHdd), at::zeros_like(in_.scale_RH)};
  at::Tensor delta_NH = at::empty_like(result.log_sum_exp_NH);
  void* const delta = delta_NH.mutable_data_ptr();
  at::parallel_for(0, in_.q_NHd.size(0), kNodesAtOnce, [&](std::int64_t begin, std::int64_t end) {
    kernels_.dot_heads(shape_, d_out_NHd.const_data_ptr(), result.out_NHd.const_data_ptr(), delta,
                       begin, end);
  });
  const HgtSoftmax softmax{result.log_sum_exp_NH.const_data_ptr(), delta};
  const HgtVectors sources{in_.k_SHd.const_data_ptr(), in_.v_SHd.const_data_ptr()};
  const HgtVectors destinations{in_.q_NHd.const_data_ptr(), d_out_NHd.const_data_ptr()};
  void *const dk = d.k_SHd.mutable_data_ptr(), *const dv = d.v_SHd.mutable_data_ptr();
  void* const dq = d.q_NHd.mutable_data_ptr();
  for (const HgtRelation& relation : in_.edges.relations) {
    const HgtEdgeList to = destinations_of(in_.edges, relation);
    const HgtEdgeList from = sources_of(in_.edges, relation);
    if (projects_sources(relation, choices_.projection)) {
      differentiate({relation, true, from, to, sources, destinations, dk, dv, dq, nullptr, softmax},
                    d);
    } else {
      differentiate(
          {relation, false, to, from, destinations, sources, dq, nullptr, dk, dv, softmax}, d);
    }
  }
  return d;
}

}  // namespace

HgtResult hgt_attention_cpu(CpuIsa isa, const HgtInputs& in, const HgtChoices& choices) {
  return Passes(isa, in, choices).forward();
}

HgtGradients hgt_attention_gradient_cpu(CpuIsa isa, const HgtInputs& in, const HgtResult& result,
                                        const at::Tensor& d_out_NHd, const HgtChoices& choices) {
  return Passes(isa, in, choices).backward(result, d_out_NHd);
}

}  // namespace hgnn_moe::ops
