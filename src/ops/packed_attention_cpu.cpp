#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "counter_dropout_kernels.h"
#include "cpu/packed_attention_kernel.h"
#include "cpu_launch.h"
#include "packed_attention_kernels.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::ops {

namespace {

// Products of a query, a key and a feature that are worth a thread of their own.
constexpr std::int64_t kProductsAtOnce = 1 << 18;

const PackedAttentionKernels& kernels(CpuIsa isa) {
  return HGNN_MOE_KERNELS_OF(isa, kPackedAttentionKernels);
}

PackedAttentionArguments arguments(const at::Tensor& qkv, const PackedSamples& samples,
                                   const AttentionDropout& dropout) {
  const bool drops = dropout.rate > 0.0;
  return {kernel_type(qkv),
          samples.num_samples(),
          qkv.size(1),
          qkv.size(3),
          qkv.size(4),
          samples.offsets_B1.const_data_ptr<std::int64_t>(),
          samples.samples_N.const_data_ptr<std::int64_t>(),
          qkv.const_data_ptr(),
          1.0 / std::sqrt(static_cast<double>(qkv.size(4))),
          drops ? key_pointer(dropout.keys_E) : nullptr,
          dropout_threshold(dropout.rate),
          1.0 / (1.0 - dropout.rate)};
}

// Calls body(workspace, begin, end) for ranges of units on all threads.
template <typename Body>
void for_all_units(const PackedAttentionArguments& a, const PackedSamples& samples,
                   at::TensorOptions compute, Body body) {
  const std::int64_t size = packed_attention_workspace(samples.max_length, a.dim);
  const std::int64_t products =
      samples.max_length * samples.num_tokens() * a.dim / std::max<std::int64_t>(1, a.batch);
  const std::int64_t grain = kProductsAtOnce / std::max<std::int64_t>(1, products) + 1;
  at::parallel_for(0, a.experts * a.heads * a.batch, grain,
                   [&](std::int64_t begin, std::int64_t end) {
                     const at::Tensor workspace = at::empty({size}, compute);
                     body(workspace.mutable_data_ptr(), begin, end);
                   });
}

}  // namespace

void packed_attention_cpu(CpuIsa isa, const at::Tensor& qkv, const PackedSamples& samples,
                          const AttentionDropout& dropout, at::Tensor& out,
                          at::Tensor& log_sum_exp_NEA) {
  const PackedAttentionKernels& kernel = kernels(isa);
  const PackedAttentionArguments a = arguments(qkv, samples, dropout);
  void* result = out.mutable_data_ptr();
  void* log_sum_exp = log_sum_exp_NEA.mutable_data_ptr();
  for_all_units(a, samples, log_sum_exp_NEA.options(),
                [&](void* workspace, std::int64_t begin, std::int64_t end) {
                  kernel.forward(a, result, log_sum_exp, workspace, begin, end);
                });
}

void packed_attention_gradient_cpu(CpuIsa isa, const at::Tensor& d_out, const at::Tensor& qkv,
                                   const at::Tensor& log_sum_exp_NEA, const PackedSamples& samples,
                                   const AttentionDropout& dropout, at::Tensor& d_qkv) {
  const PackedAttentionKernels& kernel = kernels(isa);
  const PackedAttentionArguments a = arguments(qkv, samples, dropout);
  void* result = d_qkv.mutable_data_ptr();
  for_all_units(a, samples, log_sum_exp_NEA.options(),
                [&](void* workspace, std::int64_t begin, std::int64_t end) {
                  kernel.backward(a, d_out.const_data_ptr(), log_sum_exp_NEA.const_data_ptr(),
                                  result, workspace, begin, end);
                });
}

}  // namespace hgnn_moe::ops
