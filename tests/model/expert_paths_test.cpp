// Fused or one after the other: experts are one function, with the same dropout.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/support/noisy_model.h"
#include "tests/support/tensors.h"

#include "hgnn_moe/model/language_model.h"

namespace hgnn_moe {
namespace {

using testing::close;

ModelConfig small_config(CouplerType type, std::int64_t experts, std::int64_t heads) {
  ModelConfig config;
  config.vocab_size = 23;
  config.max_seq_length = 12;
  config.embed_dim = 12;
  config.num_layers = 2;
  config.num_heads = heads;
  config.num_experts = experts;
  config.coupler_layers = 1;
  config.coupler_type = type;
  if (type == CouplerType::hgnn) config.hypergraph = ops::complete_uniform_hypergraph(experts, 2);
  return config;
}

// Samples of these lengths with these indices in the global step, and a target at every token.
struct Tokens {
  std::vector<std::int64_t> lengths, indices;

  ops::PackedSamples samples() const {
    return ops::make_packed_samples(lengths, indices, at::kCPU);
  }
  at::Tensor ids() const {  // of a sample by its index, whatever it is packed with
    std::vector<std::int64_t> ids;
    for (std::size_t b = 0; b < lengths.size(); ++b) {
      for (std::int64_t t = 0; t < lengths[b]; ++t) ids.push_back((7 * t + 5 * indices[b]) % 23);
    }
    return at::tensor(ids, at::kLong);
  }
};

const Tokens kTokens{{5, 1, 12, 3}, {2, 0, 7, 4}};

ForwardContext training_context(double rate) {
  ForwardContext context;
  context.training = true;
  context.dropout_rate = rate;
  context.seed = 11;
  context.step = 3;
  return context;
}

at::Tensor hidden(const LanguageModel& model, const Tokens& tokens, double rate) {
  return model.hidden(tokens.ids(), tokens.samples(), training_context(rate));
}

std::vector<at::Tensor> loss_and_gradients(const LanguageModel& model, const Tokens& tokens,
                                           double rate, double scale) {
  const at::Tensor ids = tokens.ids();
  const at::Tensor loss = model.loss(hidden(model, tokens, rate), ids.add(1).remainder(23), scale);
  loss.backward();
  std::vector<at::Tensor> result{loss.detach()};
  for (const NamedParameter& parameter : model.parameters()) {
    at::Tensor tensor = parameter.tensor;
    result.push_back(tensor.grad().defined() ? tensor.grad() : at::zeros_like(tensor));
    tensor.mutable_grad().reset();
  }
  return result;
}

LanguageModel make_model(const ModelConfig& config, at::ScalarType type, ExpertPath path) {
  LanguageModel model(config, 3, type, at::kCPU, {CouplerPath::automatic, 0, path});
  testing::add_noise(model, 0.2);
  return model;
}

TEST(ExpertPaths, AgreeInLossAndEveryGradient) {
  for (const CouplerType type : {CouplerType::hgnn, CouplerType::gnn, CouplerType::none}) {
    for (const auto& [experts, heads] : {std::pair(1, 3), std::pair(2, 1), std::pair(4, 4)}) {
      for (const double rate : {0.0, 0.3}) {
        for (const at::ScalarType scalar : {at::kDouble, at::kFloat}) {
          SCOPED_TRACE(::testing::Message() << to_string(type) << ", E " << experts << ", A "
                                            << heads << ", rate " << rate << ", " << scalar);
          const ModelConfig config = small_config(type, experts, heads);
          const auto run = [&](ExpertPath path) {
            return loss_and_gradients(make_model(config, scalar, path), kTokens, rate, 1.0 / 21);
          };
          const auto fused = run(ExpertPath::fused), reference = run(ExpertPath::reference);
          for (std::size_t i = 0; i < fused.size(); ++i) {
            EXPECT_TRUE(close(fused[i], reference[i], 1e3)) << "tensor " << i;
          }
        }
      }
    }
  }
}

TEST(ExpertPaths, DropoutActsAndItsMasksAreTheSame) {
  const ModelConfig config = small_config(CouplerType::none, 2, 3);
  const LanguageModel model = make_model(config, at::kDouble, ExpertPath::fused);
  const at::Tensor with = hidden(model, kTokens, 0.3), without = hidden(model, kTokens, 0.0);
  EXPECT_GT((with - without).abs().max().item<double>(), 0.1);
}

// Nothing depends on what a sample is batched with: four samples, two and two, or in another order.
TEST(ExpertPaths, MasksDoNotDependOnTheBatch) {
  const Tokens first{{5, 1}, {2, 0}}, second{{3, 12}, {4, 7}};
  for (const ExpertPath path : {ExpertPath::fused, ExpertPath::reference}) {
    const LanguageModel model =
        make_model(small_config(CouplerType::hgnn, 3, 2), at::kDouble, path);
    const auto whole = loss_and_gradients(model, kTokens, 0.3, 1.0 / 21);
    const auto a = loss_and_gradients(model, first, 0.3, 1.0 / 21);
    const auto b = loss_and_gradients(model, second, 0.3, 1.0 / 21);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      EXPECT_TRUE(close(a[i] + b[i], whole[i], 1e3)) << to_string(path) << ", tensor " << i;
    }
  }
}

TEST(ExpertPaths, Bfloat16IsAsNearAsTheReferences) {
  ModelConfig config = small_config(CouplerType::hgnn, 4, 2);
  const at::Tensor exact =
      hidden(make_model(config, at::kDouble, ExpertPath::reference), kTokens, 0.3);
  config.precision = Precision::bf16;
  const auto error = [&](ExpertPath path) {
    const at::Tensor rounded = hidden(make_model(config, at::kFloat, path), kTokens, 0.3);
    EXPECT_EQ(rounded.scalar_type(), at::kFloat);
    return (rounded.to(at::kDouble) - exact).norm().item<double>();
  };
  const double fused = error(ExpertPath::fused), reference = error(ExpertPath::reference);
  EXPECT_GT(fused, 1e-5 * exact.norm().item<double>()) << "bf16 must have an effect";
  EXPECT_LT(fused, 3 * reference);
}

// Packed or not, parameters have the same names, values and layout.
TEST(ExpertPaths, ParametersAreTheSame) {
  const ModelConfig config = small_config(CouplerType::hgnn, 3, 2);
  const LanguageModel fused(config, 3, at::kFloat, at::kCPU,
                            {CouplerPath::automatic, 0, ExpertPath::fused});
  const LanguageModel reference(config, 3, at::kFloat, at::kCPU,
                                {CouplerPath::automatic, 0, ExpertPath::reference});
  ASSERT_EQ(fused.parameters().size(), reference.parameters().size());
  for (std::size_t i = 0; i < fused.parameters().size(); ++i) {
    const NamedParameter &a = fused.parameters()[i], &b = reference.parameters()[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_TRUE(at::equal(a.tensor, b.tensor)) << a.name;
    EXPECT_TRUE(a.tensor.is_contiguous() && a.tensor.is_leaf()) << a.name;
  }
}

}  // namespace
}  // namespace hgnn_moe
