// The golden models on a GPU, in float64.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/golden_model.h"
#include "tests/support/gpu.h"

namespace hgnn_moe {
namespace {

using testing::close;
using testing::golden_config;
using testing::golden_names;
using testing::GoldenFile;
using testing::read_golden;

class LanguageModelGpu : public testing::GpuTest {};

TEST_F(LanguageModelGpu, EqualsThePyTorchOracle) {
  for (const std::string& name : golden_names("model-")) {
    SCOPED_TRACE(name);
    const GoldenFile golden = read_golden(name);
    const LanguageModel model(golden_config(golden), 1, at::kDouble, at::kCUDA);
    ASSERT_NO_FATAL_FAILURE(testing::copy_golden_parameters(golden, model));
    const at::Tensor tokens_BT = golden.at("tokens").to(at::kCUDA);
    const at::Tensor logits_BTV = model.logits(model.hidden(tokens_BT, {}));
    for (std::int64_t b = 0; b < tokens_BT.size(0); ++b) {
      const auto length = golden.at("lengths")[b].item<std::int64_t>();
      EXPECT_TRUE(close(logits_BTV[b].narrow(0, 0, length),
                        golden.at("logits")[b].narrow(0, 0, length), 1e4));
    }
  }
}

// Loss and gradients of one model on a GPU, float32, by this path.
std::vector<at::Tensor> loss_and_gradients(ExpertPath path, CouplerType coupler,
                                           std::int64_t head_dim, double rate,
                                           Precision precision) {
  ModelConfig config;
  config.vocab_size = 23;
  config.max_seq_length = 12;
  config.embed_dim = 3 * head_dim;
  config.num_layers = 2;
  config.num_heads = 3;
  config.num_experts = 4;
  config.coupler_layers = 2;
  config.coupler_type = coupler;
  config.precision = precision;
  if (coupler == CouplerType::hgnn) config.hypergraph = ops::complete_uniform_hypergraph(4, 2);
  const LanguageModel model(config, 3, at::kFloat, at::kCUDA, {CouplerPath::automatic, 0, path});
  ForwardContext context;
  context.training = true;
  context.dropout_rate = rate;
  const auto samples = ops::make_packed_samples({5, 1, 12, 3}, {2, 0, 7, 4}, at::kCUDA);
  const at::Tensor tokens_N = at::arange(21, at::kLong).mul(5).remainder(23).to(at::kCUDA);
  const at::Tensor loss =
      model.loss(model.hidden(tokens_N, samples, context), tokens_N.add(1).remainder(23), 1.0 / 21);
  loss.backward();
  std::vector<at::Tensor> result{loss.detach()};
  for (const NamedParameter& parameter : model.parameters()) {
    result.push_back(parameter.tensor.grad().defined() ? parameter.tensor.grad()
                                                       : at::zeros_like(parameter.tensor));
  }
  return result;
}

// Columns in packs of four and one by one; with dropout and without, where bfloat16 takes flash
// attention.
TEST_F(LanguageModelGpu, FusedExpertsEqualTheReference) {
  for (const CouplerType coupler : {CouplerType::hgnn, CouplerType::gnn}) {
    for (const std::int64_t head_dim : {5, 16}) {
      for (const double rate : {0.0, 0.2}) {
        for (const Precision precision : {Precision::fp32, Precision::bf16}) {
          SCOPED_TRACE(::testing::Message() << to_string(coupler) << ", head " << head_dim
                                            << ", rate " << rate << ", " << to_string(precision));
          const auto run = [&](ExpertPath path) {
            return loss_and_gradients(path, coupler, head_dim, rate, precision);
          };
          const auto fused = run(ExpertPath::fused), reference = run(ExpertPath::reference);
          const double terms = precision == Precision::bf16 ? 5e4 : 1e3;
          for (std::size_t i = 0; i < fused.size(); ++i) {
            EXPECT_TRUE(close(fused[i].cpu(), reference[i].cpu().to(at::kDouble), terms)) << i;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace hgnn_moe
