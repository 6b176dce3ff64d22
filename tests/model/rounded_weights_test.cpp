// Weights that a model keeps rounded for its products follow the parameters, and the gradients of
// packed experts reach them uncopied.
#include <map>
#include <string>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/support/golden_model.h"

namespace hgnn_moe {
namespace {

struct Case {
  CouplerType type;
  Execution execution;
};

// Every way in which a weight reaches a product.
std::vector<Case> all_cases() {
  const Execution fused{CouplerPath::automatic, 0, ExpertPath::fused};
  Execution checkpointed = fused, chunked = fused, reference = fused, batched = fused;
  checkpointed.checkpointing = ActivationCheckpointing::layer;
  batched.coupler_path = chunked.coupler_path = CouplerPath::batched;
  chunked.coupler_chunk = 32;
  reference.expert_path = ExpertPath::reference;
  return {{CouplerType::none, fused},       {CouplerType::gnn, fused},
          {CouplerType::gnn, checkpointed}, {CouplerType::gnn, chunked},
          {CouplerType::mean, reference},   {CouplerType::hgnn, fused},
          {CouplerType::hgnn, batched}};
}

LanguageModel make_model(const Case& c, std::uint64_t seed, Precision precision = Precision::bf16) {
  ModelConfig config;
  config.vocab_size = 23;
  config.max_seq_length = 12;
  config.embed_dim = 16;
  config.num_layers = 2;
  config.num_heads = 2;
  config.num_experts = 3;
  config.coupler_layers = 2;
  config.coupler_type = c.type;
  config.precision = precision;
  if (c.type == CouplerType::hgnn) config.hypergraph = ops::complete_uniform_hypergraph(3, 2);
  return LanguageModel(config, seed, at::kFloat, at::kCPU, c.execution);
}

at::Tensor loss_of(const LanguageModel& model) {
  ForwardContext context;
  context.training = true;
  context.dropout_rate = 0.2;
  const at::Tensor tokens_BT = at::arange(60, at::kLong).mul(5).remainder(23).view({5, 12});
  return testing::next_token_loss(model, tokens_BT, at::tensor({12, 5, 9, 12, 12}, at::kLong),
                                  context);
}

std::vector<at::Tensor> loss_and_gradients(const LanguageModel& model) {
  for (const NamedParameter& parameter : model.parameters()) {
    at::Tensor(parameter.tensor).mutable_grad().reset();
  }
  const at::Tensor loss = loss_of(model);
  loss.backward();
  std::vector<at::Tensor> result{loss.detach()};
  for (const NamedParameter& parameter : model.parameters()) {
    result.push_back(parameter.tensor.grad());
  }
  return result;
}

void copy_parameters(const LanguageModel& from, const LanguageModel& to) {
  const c10::NoGradGuard no_grad;
  for (std::size_t i = 0; i < from.parameters().size(); ++i) {
    to.parameters()[i].tensor.copy_(from.parameters()[i].tensor);
  }
}

void expect_equal(const std::vector<at::Tensor>& found, const std::vector<at::Tensor>& expected) {
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].defined(), expected[i].defined()) << "tensor " << i;
    if (!found[i].defined()) continue;
    EXPECT_TRUE(at::equal(found[i], expected[i])) << "tensor " << i;
  }
}

TEST(RoundedWeights, FollowLoadedParametersToTheBit) {
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(::testing::Message() << to_string(c.type));
    const LanguageModel other = make_model(c, 2), model = make_model(c, 1);
    loss_and_gradients(model);
    copy_parameters(other, model);
    {
      const c10::NoGradGuard no_grad;
      EXPECT_TRUE(at::equal(loss_of(model), loss_of(other)));
    }
    expect_equal(loss_and_gradients(model), loss_and_gradients(other));
  }
}

// One after the other, so that none of those a product depends on is forgotten.
TEST(RoundedWeights, FollowEveryParameter) {
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(::testing::Message() << to_string(c.type));
    const LanguageModel model = make_model(c, 1);
    const c10::NoGradGuard no_grad;
    for (const NamedParameter& parameter : model.parameters()) {
      loss_of(model);
      parameter.tensor.add_(at::arange(parameter.tensor.size(-1), at::kFloat).sin(), 0.5);
      const LanguageModel fresh = make_model(c, 3);
      copy_parameters(model, fresh);
      EXPECT_TRUE(at::equal(loss_of(model), loss_of(fresh))) << parameter.name;
    }
  }
}

bool keeps_rounded(const NamedParameter& parameter) {
  return parameter.rounded->to_update().defined();
}

TEST(RoundedWeights, AreKeptOnceForAllProductsInBf16) {
  const LanguageModel model = make_model({CouplerType::gnn, all_cases()[0].execution}, 1);
  loss_and_gradients(model);
  for (const NamedParameter& parameter : model.parameters()) {
    const auto contains = [&](const char* part) {
      return parameter.name.find(part) != std::string::npos;
    };
    const bool expected = contains("out_proj.weight") || contains("ffn.0.weight") ||
                          contains("ffn.3.weight") || contains("combiner.0.weight") ||
                          contains("_transform.weight") || parameter.name == "lm_head.weight";
    EXPECT_EQ(keeps_rounded(parameter), expected) << parameter.name;
  }
}

TEST(RoundedWeights, AreNotKeptInFp32) {
  for (const Case& c : all_cases()) {
    const LanguageModel model = make_model(c, 1, Precision::fp32);
    loss_and_gradients(model);
    for (const NamedParameter& parameter : model.parameters()) {
      EXPECT_FALSE(keeps_rounded(parameter)) << parameter.name;
    }
  }
}

// Autograd hands a row on as it is only while nobody else holds it.
TEST(PackedExperts, GradientsAreRowsOfOneTensorWithoutACopy) {
  for (const auto checkpointing : {ActivationCheckpointing::none, ActivationCheckpointing::layer}) {
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
      const Execution execution{CouplerPath::automatic, 0, ExpertPath::fused, checkpointing};
      const LanguageModel model = make_model({CouplerType::hgnn, execution}, 1, precision);
      loss_of(model).backward();
      std::map<std::string, at::Tensor> first;  // of each kind, that of expert 0
      for (const NamedParameter& parameter : model.parameters()) {
        const std::size_t at = parameter.name.find(".experts.");
        if (at == std::string::npos) continue;
        const char expert = parameter.name[at + 9];
        std::string kind = parameter.name;
        kind[at + 9] = 'e';
        const at::Tensor& gradient = parameter.tensor.grad();
        if (expert == '0') first[kind] = gradient;
        EXPECT_TRUE(gradient.is_alias_of(first.at(kind))) << parameter.name << " was copied";
        EXPECT_EQ(gradient.storage_offset(), (expert - '0') * gradient.numel()) << parameter.name;
      }
      EXPECT_EQ(first.size(), 2u * 12u);
    }
  }
}

}  // namespace
}  // namespace hgnn_moe
