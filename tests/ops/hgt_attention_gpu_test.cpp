#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "hgt_graphs.h"
#include "tests/support/gpu.h"
#include "tests/support/tensors.h"

#include "hgnn_moe/ops/hgt_attention.h"

namespace hgnn_moe::ops {
namespace {

using namespace ::hgnn_moe::testing;

class HgtAttentionGpu : public GpuTest {};

TEST_F(HgtAttentionGpu, EqualsTheCpuForwardAndBackward) {
  for (const HgtCase& c : hgt_cases()) {
    SCOPED_TRACE(c);
    const HgtEdges edges = random_hgt_edges(c, 11), on_gpu = edges.to(at::kCUDA);
    const std::vector<at::Tensor> v = random_hgt_inputs(c, at::kDouble);
    std::vector<at::Tensor> v_gpu;
    for (const at::Tensor& input : v) v_gpu.push_back(input.to(at::kCUDA));
    const auto attention = [](const HgtEdges& e) {
      return [&e](const std::vector<at::Tensor>& x) {
        return hgt_attention(x[0], x[1], x[2], {x[3], x[4], x[5]}, e);
      };
    };
    const double terms = 20 + 2 * static_cast<double>(c.dim);
    const at::Tensor expected = attention(edges)(v);
    EXPECT_TRUE(close(attention(on_gpu)(v_gpu), expected, terms));
    const at::Tensor cotangent = random_tensor(expected.sizes(), 8);
    const auto actual = gradients(attention(on_gpu), v_gpu, cotangent.to(at::kCUDA));
    const auto wanted = gradients(attention(edges), v, cotangent);
    // No sum depends on which thread came first.
    const auto again = gradients(attention(on_gpu), v_gpu, cotangent.to(at::kCUDA));
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_TRUE(close(actual[i], wanted[i], 2 * terms)) << i;
      EXPECT_TRUE(at::equal(actual[i], again[i])) << i;
    }
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
