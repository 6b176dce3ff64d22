// Every operation on a GPU against the same operation on the CPU.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/gpu.h"
#include "tests/support/tensors.h"

#include "hgnn_moe/ops/causal_attention.h"
#include "hgnn_moe/ops/counter_dropout.h"

namespace hgnn_moe::ops {
namespace {

using ::hgnn_moe::testing::close;
using ::hgnn_moe::testing::gradients;
using ::hgnn_moe::testing::random_tensor;

class OpsGpu : public ::hgnn_moe::testing::GpuTest {};

using Function = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

// Forward and every gradient on both devices; `terms` as for close().
void expect_same_on_gpu(const Function& f, const std::vector<at::Tensor>& inputs, double terms) {
  std::vector<at::Tensor> on_gpu;
  for (const at::Tensor& input : inputs) on_gpu.push_back(input.to(at::kCUDA));
  const at::Tensor expected = f(inputs);
  EXPECT_TRUE(close(f(on_gpu), expected, terms));
  const at::Tensor cotangent = random_tensor(expected.sizes(), 77).to(expected.scalar_type());
  const auto actual_gradients = gradients(f, on_gpu, cotangent.to(at::kCUDA));
  const auto expected_gradients = gradients(f, inputs, cotangent);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_TRUE(close(actual_gradients[i], expected_gradients[i], terms)) << "gradient " << i;
  }
}

std::vector<at::Tensor> inputs_of(std::initializer_list<std::vector<std::int64_t>> shapes,
                                  at::ScalarType type) {
  std::vector<at::Tensor> inputs;
  for (const auto& shape : shapes) {
    inputs.push_back(random_tensor(shape, inputs.size() + 1).to(type));
  }
  return inputs;
}

TEST_F(OpsGpu, CounterDropoutEqualsTheCpuToTheBit) {
  const DropoutStream stream{0.3, dropout_keys({0xf23456789abcdef0u})};
  const DropoutStream gpu_stream{0.3, stream.key.to(at::kCUDA)};
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    for (const std::int64_t features : {1, 3, 4, 67, 130}) {
      const at::Tensor x = random_tensor({3, 2, 5, features}, 1).to(type);
      const at::Tensor rows = at::arange(3, at::kLong) + 7;
      const at::Tensor gpu = counter_dropout(x.to(at::kCUDA), gpu_stream, rows.to(at::kCUDA));
      EXPECT_TRUE(at::equal(gpu.to(at::kCPU) == 0, counter_dropout(x, stream, rows) == 0))
          << type << ", " << features << " features";
      EXPECT_TRUE(close(gpu.to(at::kCPU), counter_dropout(x, stream, rows), 1));
    }
  }
}

TEST_F(OpsGpu, CausalAttention) {
  for (const double rate : {0.0, 0.2}) {
    const Function f = [rate](const std::vector<at::Tensor>& in) {
      const at::Tensor rows = at::arange(2, in[0].options().dtype(at::kLong));
      return causal_attention(in[0], in[1], in[2], {rate, dropout_keys({99}).to(in[0].device())},
                              rows);
    };
    const std::vector<std::int64_t> shape{2, 3, 17, 8};
    expect_same_on_gpu(f, inputs_of({shape, shape, shape}, at::kFloat), 50);
  }
}

}  // namespace
}  // namespace hgnn_moe::ops
