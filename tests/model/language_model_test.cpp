#include "hgnn_moe/model/language_model.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/support/golden_model.h"

namespace hgnn_moe {
namespace {

using testing::close;
using testing::golden_config;
using testing::golden_names;
using testing::GoldenFile;
using testing::next_token_loss;
using testing::read_golden;

// Logits, loss and every gradient of small models of every kind, computed by torch.nn's modules
// and torch_geometric's HypergraphConv one token at a time.
TEST(LanguageModel, EqualsThePyTorchOracle) {
  for (const std::string& name : golden_names("model-")) {
    for (const CouplerPath path :
         {CouplerPath::collapsed, CouplerPath::batched, CouplerPath::sequential}) {
      SCOPED_TRACE(name + ", " + to_string(path));
      const GoldenFile golden = read_golden(name);
      if (path == CouplerPath::collapsed && !golden_config(golden).can_collapse()) continue;
      const LanguageModel model(golden_config(golden), 1, at::kDouble, at::kCPU, {path});
      ASSERT_NO_FATAL_FAILURE(testing::copy_golden_parameters(golden, model));
      const at::Tensor& tokens_BT = golden.at("tokens");
      const at::Tensor& lengths_B = golden.at("lengths");
      const at::Tensor loss = next_token_loss(model, tokens_BT, lengths_B, {});
      loss.backward();
      // A few hundred operations deep, sums of at most a few hundred terms.
      EXPECT_TRUE(close(loss, golden.at("loss").reshape(loss.sizes()), 1e3));
      const at::Tensor logits_BTV = model.logits(model.hidden(tokens_BT, {}));
      for (std::int64_t b = 0; b < tokens_BT.size(0); ++b) {
        const auto length = lengths_B[b].item<std::int64_t>();
        EXPECT_TRUE(close(logits_BTV[b].narrow(0, 0, length),
                          golden.at("logits")[b].narrow(0, 0, length), 1e3));
      }
      for (const NamedParameter& parameter : model.parameters()) {
        const auto expected = golden.tensors.find("grad." + parameter.name);
        const at::Tensor& actual = parameter.tensor.grad();
        ASSERT_EQ(actual.defined(), expected != golden.tensors.end()) << parameter.name;
        if (!actual.defined()) continue;
        EXPECT_TRUE(close(actual, expected->second, 1e4)) << parameter.name;
      }
    }
  }
}

ModelConfig small_config(CouplerType type, std::int64_t experts) {
  ModelConfig config;
  config.vocab_size = 31;
  config.max_seq_length = 12;
  config.embed_dim = 8;
  config.num_layers = 2;
  config.num_heads = 2;
  config.num_experts = experts;
  config.coupler_layers = 3;
  config.coupler_type = type;
  config.weight_param = HyperedgeWeightParam::raw;
  return config;
}

struct Strategy {
  const char* name;
  CouplerType type;
  std::int64_t hyperedge_size;  // 0: all experts
  HyperedgeWeightSource weight_source = HyperedgeWeightSource::shared;
};

// No token may depend on a later one: change token t and all after it; all before stays equal to
// the bit. The original's batching fails this from four experts (pairs) and five (triplets) on.
void expect_causal(const ModelConfig& config, const Execution& execution) {
  const LanguageModel model(config, 5, at::kFloat, at::kCPU, execution);
  for (const NamedParameter& parameter : model.parameters()) {
    // The projection starts at zero, which would hide weights that leak.
    if (parameter.name.find("hyperedge_weight_proj") == std::string::npos) continue;
    at::Tensor(parameter.tensor).copy_(testing::random_tensor(parameter.tensor.sizes(), 8));
  }
  const at::Tensor tokens_BT = at::arange(24, at::kLong).view({2, 12});
  for (const bool training : {false, true}) {
    ForwardContext context;
    context.training = training;
    context.dropout_rate = 0.2;
    const at::Tensor before = model.hidden(tokens_BT, context);
    for (const std::int64_t t : {1, 7, 11}) {
      at::Tensor changed = tokens_BT.clone();
      changed.narrow(1, t, 12 - t).add_(3);
      const at::Tensor after = model.hidden(changed, context);
      EXPECT_TRUE(at::equal(before.narrow(1, 0, t), after.narrow(1, 0, t))) << "from " << t;
      EXPECT_FALSE(at::equal(before.narrow(1, t, 1), after.narrow(1, t, 1))) << "at " << t;
    }
  }
}

TEST(LanguageModel, NoTokenDependsOnALaterOne) {
  const Strategy strategies[] = {
      {"GNN", CouplerType::gnn, 0},
      {"HGNN pairs", CouplerType::hgnn, 2},
      {"HGNN triplets", CouplerType::hgnn, 3},
      {"HGNN pairs, weights per token", CouplerType::hgnn, 2, HyperedgeWeightSource::token},
      {"HGNN all", CouplerType::hgnn, 0},
      {"MEAN", CouplerType::mean, 0},
      {"NONE", CouplerType::none, 0}};
  const c10::NoGradGuard no_grad;
  for (const Strategy& strategy : strategies) {
    for (const std::int64_t experts : {1, 2, 3, 4, 5, 6, 7, 8, 16}) {
      ModelConfig config = small_config(strategy.type, experts);
      const std::int64_t size = strategy.hyperedge_size == 0 ? experts : strategy.hyperedge_size;
      config.hypergraph = ops::complete_uniform_hypergraph(experts, size);
      config.weight_source = strategy.weight_source;
      if (config.has_token_weights()) config.weight_param = HyperedgeWeightParam::positive;
      // As chosen by itself; all layers for all tokens, whole and in chunks; token by token.
      for (const Execution& execution :
           {Execution{}, Execution{CouplerPath::batched, 0}, Execution{CouplerPath::batched, 32},
            Execution{CouplerPath::sequential, 0}}) {
        if (execution.coupler_path == CouplerPath::sequential && experts > 4) continue;
        SCOPED_TRACE(fmt::format("{}, {} experts, {}, chunk {}", strategy.name, experts,
                                 to_string(execution.coupler_path), execution.coupler_chunk));
        expect_causal(config, execution);
        if (strategy.type != CouplerType::hgnn || execution.coupler_path != CouplerPath::batched)
          continue;
        ModelConfig curved = config;
        curved.activation = HgnnActivation::gelu;
        curved.residual = true;
        expect_causal(curved, execution);
      }
    }
  }
}

TEST(LanguageModel, PaddingDoesNotChangeRealTokens) {
  ModelConfig config = small_config(CouplerType::hgnn, 4);
  config.hypergraph = ops::complete_uniform_hypergraph(4, 2);
  const LanguageModel model(config, 5, at::kDouble, at::kCPU);
  const at::Tensor tokens_BT = at::arange(10, at::kLong).view({2, 5});
  const at::Tensor padded_BT = at::constant_pad_nd(tokens_BT, {0, 6}, 0);
  ForwardContext context;
  context.training = true;
  context.dropout_rate = 0.3;
  EXPECT_TRUE(close(model.hidden(padded_BT, context).narrow(1, 0, 5),
                    model.hidden(tokens_BT, context), 1e3));
}

TEST(LanguageModel, InitialValuesAreThoseOfTheDesign) {
  ModelConfig config = small_config(CouplerType::hgnn, 3);
  config.embed_dim = 64;
  config.vocab_size = 500;
  config.weight_param = HyperedgeWeightParam::positive;
  config.hypergraph = ops::complete_uniform_hypergraph(3, 2);
  const LanguageModel model(config, 9, at::kFloat, at::kCPU);
  for (const NamedParameter& parameter : model.parameters()) {
    const at::Tensor& value = parameter.tensor;
    const auto ends_with = [&](const std::string& suffix) {
      const std::string& name = parameter.name;
      return name.size() >= suffix.size() &&
             name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
    };
    SCOPED_TRACE(parameter.name);
    const double deviation = value.detach().std().item<double>();
    const double largest = value.detach().abs().max().item<double>();
    if (ends_with("hyperedge_weights")) {
      EXPECT_LT((at::softplus(value) - 1).abs().max().item<double>(), 1e-6);
    } else if (ends_with("norm1.weight") || ends_with("norm2.weight") ||
               ends_with("combiner.2.weight") || ends_with("output_norm.weight")) {
      EXPECT_TRUE((value == 1).all().item<bool>());
    } else if (ends_with("bias")) {
      EXPECT_TRUE((value == 0).all().item<bool>());
    } else if (ends_with("in_proj_weight") || ends_with("conv.lin.weight")) {
      const double bound =
          ends_with("conv.lin.weight") ? std::sqrt(6.0 / 128) : std::sqrt(6.0 / 256);
      EXPECT_LE(largest, bound);
      EXPECT_NEAR(deviation, bound / std::sqrt(3.0), 0.03 * bound);
    } else {
      // Five standard errors of a standard deviation.
      EXPECT_NEAR(deviation, 0.02, 5 * 0.02 / std::sqrt(2.0 * value.numel()));
    }
  }
}

TEST(LanguageModel, InitialValuesDependOnSeedAndNameAlone) {
  const LanguageModel a(small_config(CouplerType::gnn, 2), 1, at::kFloat, at::kCPU);
  const LanguageModel b(small_config(CouplerType::gnn, 2), 1, at::kFloat, at::kCPU);
  const LanguageModel c(small_config(CouplerType::gnn, 2), 2, at::kFloat, at::kCPU);
  const LanguageModel wider(small_config(CouplerType::gnn, 3), 1, at::kFloat, at::kCPU);
  EXPECT_TRUE(at::equal(a.parameters()[0].tensor, b.parameters()[0].tensor));
  EXPECT_FALSE(at::equal(a.parameters()[0].tensor, c.parameters()[0].tensor));
  EXPECT_TRUE(at::equal(a.parameters().back().tensor, wider.parameters().back().tensor));
}

TEST(LanguageModel, Bfloat16StaysNearFloat32) {
  for (const CouplerType type : {CouplerType::gnn, CouplerType::hgnn}) {
    for (const CouplerPath path :
         {CouplerPath::collapsed, CouplerPath::batched, CouplerPath::sequential}) {
      for (const bool curved : {false, true}) {
        ModelConfig config = small_config(type, 4);
        config.weight_param = HyperedgeWeightParam::positive;
        config.hypergraph = ops::complete_uniform_hypergraph(4, 2);
        config.activation = curved ? HgnnActivation::gelu : HgnnActivation::none;
        config.residual = curved;
        if (path == CouplerPath::collapsed && !config.can_collapse()) continue;
        SCOPED_TRACE(fmt::format("{}, {}, curved {}", to_string(type), to_string(path), curved));
        const LanguageModel exact(config, 5, at::kFloat, at::kCPU, {path});
        config.precision = Precision::bf16;
        const LanguageModel rounded(config, 5, at::kFloat, at::kCPU, {path});
        const at::Tensor tokens_BT = at::arange(24, at::kLong).view({2, 12});
        const at::Tensor a = exact.hidden(tokens_BT, {}), b = rounded.hidden(tokens_BT, {});
        EXPECT_EQ(b.scalar_type(), at::kFloat);
        const double difference = (a - b).abs().max().item<double>();
        EXPECT_GT(difference, 1e-5) << "bf16 must have an effect";
        EXPECT_LT(difference, 0.3) << "outputs are normalised to 1";
      }
    }
  }
}

}  // namespace
}  // namespace hgnn_moe
