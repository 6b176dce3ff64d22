#include "hgnn_moe/ops/hgt_attention.h"

#include <cmath>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "coupling_device.h"
#include "cpu/hgt_attention_kernel.h"
#include "hgt_attention_kernels.h"
#include "operator_registry.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

void check(const at::Tensor& k_SF, const at::Tensor& q_NF, const at::Tensor& v_SF,
           const HgtWeights& weights, const HgtEdges& edges) {
  HGNN_MOE_ASSERT(weights.k_rel.dim() == 4 && weights.k_rel.size(2) == weights.k_rel.size(3) &&
                      weights.k_rel.size(3) > 0,
                  "k_rel has {} dimensions, it needs [R, H, d, d]", weights.k_rel.dim());
  const std::int64_t relations = weights.k_rel.size(0), heads = weights.k_rel.size(1);
  const std::int64_t features = heads * weights.k_rel.size(2);
  HGNN_MOE_ASSERT(weights.v_rel.sizes() == weights.k_rel.sizes() && weights.p_rel.dim() == 2 &&
                      weights.p_rel.size(0) == relations && weights.p_rel.size(1) == heads,
                  "v_rel or p_rel is not of {} relations and {} heads as k_rel is", relations,
                  heads);
  const auto is_rows = [&](const at::Tensor& x, std::int64_t rows) {
    return x.dim() == 2 && x.size(0) == rows && x.size(1) == features;
  };
  HGNN_MOE_ASSERT(is_rows(k_SF, edges.num_sources) && is_rows(v_SF, edges.num_sources) &&
                      is_rows(q_NF, edges.num_destinations),
                  "keys, values or queries are not [{0}, {2}], [{0}, {2}] and [{1}, {2}]",
                  edges.num_sources, edges.num_destinations, features);
  HGNN_MOE_ASSERT(edges.relations.empty() || edges.relations.back().relation < relations,
                  "an edge of relation {} of {}", edges.relations.back().relation, relations);
  for (const at::Tensor& tensor : {k_SF, v_SF, weights.k_rel, weights.v_rel, weights.p_rel}) {
    HGNN_MOE_ASSERT(tensor.scalar_type() == q_NF.scalar_type() && tensor.device() == q_NF.device(),
                    "queries are {} on {}, another tensor {} on {}",
                    c10::toString(q_NF.scalar_type()), q_NF.device().str(),
                    c10::toString(tensor.scalar_type()), tensor.device().str());
  }
  HGNN_MOE_ASSERT(q_NF.scalar_type() == at::kFloat || q_NF.scalar_type() == at::kDouble,
                  "attention in {}", c10::toString(q_NF.scalar_type()));
  HGNN_MOE_ASSERT(edges.lists.device() == q_NF.device(), "edges on {} for nodes on {}",
                  edges.lists.device().str(), q_NF.device().str());
}

std::int64_t padding(std::int64_t dim) {
  return (kHgtDimMultiple - dim % kHgtDimMultiple) % kHgtDimMultiple;
}

// [., H d] as [., H, d padded].
at::Tensor pad_heads(const at::Tensor& x_NF, std::int64_t heads, std::int64_t dim) {
  const at::Tensor x_NHd = x_NF.reshape({x_NF.size(0), heads, dim});
  if (padding(dim) == 0) return x_NHd.contiguous();
  return at::constant_pad_nd(x_NHd, {0, padding(dim)});
}

at::Tensor unpad_heads(const at::Tensor& x_NHd, std::int64_t dim) {
  return x_NHd.narrow(2, 0, dim).flatten(1);
}

at::Tensor pad_matrices(const at::Tensor& matrices_RHdd) {
  const std::int64_t pad = padding(matrices_RHdd.size(3));
  if (pad == 0) return matrices_RHdd.contiguous();
  return at::constant_pad_nd(matrices_RHdd, {0, pad, 0, pad});
}

at::Tensor unpad_matrices(const at::Tensor& matrices_RHdd, std::int64_t dim) {
  return matrices_RHdd.narrow(2, 0, dim).narrow(3, 0, dim);
}

HgtInputs kernel_inputs(const at::Tensor& k_SF, const at::Tensor& q_NF, const at::Tensor& v_SF,
                        const HgtWeights& weights, const HgtEdges& edges) {
  const std::int64_t heads = weights.k_rel.size(1), dim = weights.k_rel.size(2);
  return {pad_heads(k_SF, heads, dim),
          pad_heads(q_NF, heads, dim),
          pad_heads(v_SF, heads, dim),
          pad_matrices(weights.k_rel),
          pad_matrices(weights.v_rel),
          (weights.p_rel / std::sqrt(static_cast<double>(dim))).contiguous(),
          edges};
}

HgtResult run_forward(const HgtInputs& in) {
  HgtResult result;
  on_device(
      in.q_NHd, [&] { result = hgt_attention_cpu(cpu_isa(), in, {}); },
      [&] { result = hgt_attention_cuda(in); });
  return result;
}

HgtGradients run_backward(const HgtInputs& in, const HgtResult& result,
                          const at::Tensor& d_out_NHd) {
  HgtGradients d;
  on_device(
      in.q_NHd, [&] { d = hgt_attention_gradient_cpu(cpu_isa(), in, result, d_out_NHd, {}); },
      [&] { d = hgt_attention_gradient_cuda(in, result, d_out_NHd); });
  return d;
}

// Edges from the forward pass to the backward pass.
struct KeptEdges : torch::CustomClassHolder {
  explicit KeptEdges(HgtEdges kept) : edges(std::move(kept)) {}
  HgtEdges edges;
};

class HgtAttentionFunction : public torch::autograd::Function<HgtAttentionFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& k_SF,
                            const at::Tensor& q_NF, const at::Tensor& v_SF, const at::Tensor& k_rel,
                            const at::Tensor& v_rel, const at::Tensor& p_rel,
                            const HgtEdges& edges) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    RECORD_FUNCTION("hgnn_moe::hgt_attention", std::vector<c10::IValue>({k_SF, q_NF, v_SF}));
    const std::int64_t dim = k_rel.size(2);
    const HgtResult result =
        run_forward(kernel_inputs(k_SF, q_NF, v_SF, {k_rel, v_rel, p_rel}, edges));
    const at::Tensor out_NF = unpad_heads(result.out_NHd, dim);
    context->save_for_backward(
        {k_SF, q_NF, v_SF, k_rel, v_rel, p_rel, out_NF, result.log_sum_exp_NH});
    context->saved_data["edges"] = c10::IValue::make_capsule(c10::make_intrusive<KeptEdges>(edges));
    return out_NF;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    refuse_second_derivative("hgt_attention");
    const auto saved = context->get_saved_variables();
    const auto holder = context->saved_data["edges"].toCapsule();
    const HgtEdges& edges = static_cast<const KeptEdges&>(*holder).edges;
    RECORD_FUNCTION("hgnn_moe::hgt_attention_gradient",
                    std::vector<c10::IValue>({gradients[0], saved[0], saved[1], saved[2]}));
    const at::Tensor& p_rel = saved[5];
    const std::int64_t heads = saved[3].size(1), dim = saved[3].size(2);
    const HgtInputs in =
        kernel_inputs(saved[0], saved[1], saved[2], {saved[3], saved[4], p_rel}, edges);
    const HgtGradients d =
        run_backward(in, {pad_heads(saved[6], heads, dim), saved[7]},
                     pad_heads(gradients[0].to(in.q_NHd.scalar_type()), heads, dim));
    return {unpad_heads(d.k_SHd, dim),
            unpad_heads(d.q_NHd, dim),
            unpad_heads(d.v_SHd, dim),
            unpad_matrices(d.k_rel_RHdd, dim),
            unpad_matrices(d.v_rel_RHdd, dim),
            d.scale_RH / std::sqrt(static_cast<double>(dim)),
            {}};
  }
};

}  // namespace

at::Tensor hgt_attention(const at::Tensor& k_SF, const at::Tensor& q_NF, const at::Tensor& v_SF,
                         const HgtWeights& weights, const HgtEdges& edges) {
  check(k_SF, q_NF, v_SF, weights, edges);
  return HgtAttentionFunction::apply(k_SF, q_NF, v_SF, weights.k_rel, weights.v_rel, weights.p_rel,
                                     edges);
}

}  // namespace hgnn_moe::ops
