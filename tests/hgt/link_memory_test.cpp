#include "hgnn_moe/hgt/link_memory.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "memory_support.h"

#include "hgnn_moe/hgt/link_model.h"

namespace hgnn_moe::hgt {
namespace {

using testing::graph_data;
using testing::small_config;

TEST(LinkMemoryTest, CountsTheParametersOfTheModel) {
  const GraphData data = graph_data(1);
  std::vector<HgtConfig> configs(1, small_config());
  const auto variant = [&](auto change) {
    configs.push_back(small_config());
    change(configs.back());
  };
  variant([](HgtConfig& c) { c.layer_norm = true; });
  variant([](HgtConfig& c) { c.num_layers = 3; });
  variant([](HgtConfig& c) { c.messages = HgtMessages::none; });
  variant([](HgtConfig& c) { c.node_features = HgtFeatures::ones; });
  variant([](HgtConfig& c) { c.node_features = HgtFeatures::random; });
  variant([](HgtConfig& c) { c.decoder = HgtDecoder::dot; });
  variant([](HgtConfig& c) { c.decoder = HgtDecoder::complex; });
  variant([](HgtConfig& c) { c.decoder = HgtDecoder::rotate; });
  variant([](HgtConfig& c) { c.jumping_knowledge = !c.jumping_knowledge; });
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const LinkModel model(configs[i], data.split.train, at::kCPU);
    const LinkParameterCount count = count_parameters(configs[i], schema_of(data.split.train));
    EXPECT_EQ(count.learned(), model.parameter_count()) << i;
    std::int64_t all = 0;
    for (const NamedParameter& parameter : model.all_parameters()) all += parameter.tensor.numel();
    EXPECT_EQ(count.dense + count.table, all) << i;
  }
}

TEST(LinkMemoryTest, CountsTheParametersOfGivenFeatures) {
  const GraphData data = graph_data(1);
  HgtConfig config = small_config();
  config.node_features = HgtFeatures::given;
  const at::Tensor features_NF = at::rand({data.split.train.node_count(), 7});
  for (const bool jumps : {false, true}) {
    config.jumping_knowledge = jumps;
    const LinkModel model(config, data.split.train, at::kCPU, features_NF);
    const LinkParameterCount count = count_parameters(config, schema_of(data.split.train), 7);
    EXPECT_EQ(count.learned(), model.parameter_count()) << jumps;
  }
}

TEST(LinkMemoryTest, TrainingAndInferenceAlternate) {
  LinkMemory memory;
  std::int64_t expected = 0;
  memory.program = expected += 1;
  expected += memory.graph = 20;
  expected += memory.parameters = 300;
  expected += memory.gradients = 4000;
  expected += memory.optimizer = 50'000;
  expected += memory.checkpoint_copy = 600'000;
  memory.batches = 1'000'000;
  memory.micro_batch = 2'000'000;
  memory.inference = 2'500'000;
  EXPECT_EQ(memory.total(), expected + 3'000'000);
  memory.inference = 4'000'000;
  EXPECT_EQ(memory.total(), expected + 4'000'000);
  const Json record = to_json(memory);
  EXPECT_EQ(record.size(), 10u);
  EXPECT_EQ(record.at("total"), memory.total());
  EXPECT_EQ(record.at("optimizer"), 50'000);
}

TEST(LinkMemoryTest, PartsFollowTheConfiguration) {
  const GraphData data = graph_data();
  const HgtConfig config = small_config();
  const auto estimate = [&](const HgtConfig& of) {
    return estimate_memory(of, data, sampled_size(of, data, 1), of.node_batch_size);
  };
  const LinkMemory memory = estimate(config);
  EXPECT_EQ(memory.optimizer, 2 * memory.parameters);
  EXPECT_EQ(memory.gradients, memory.parameters);
  EXPECT_EQ(memory.checkpoint_copy, 3 * memory.parameters);

  HgtConfig other = config;
  other.eval_every = 0;
  EXPECT_EQ(estimate(other).checkpoint_copy, 0) << "there is no save before the last";
  other = config;
  other.num_workers_dataloader = 0;
  EXPECT_EQ(estimate(other).batches, 0);
  other.num_workers_dataloader = 2;
  EXPECT_EQ(estimate(other).batches, memory.batches / 3 * 4);
  other = config;
  other.node_features = HgtFeatures::random;
  EXPECT_LT(estimate(other).optimizer, memory.optimizer);
  EXPECT_EQ(estimate(other).parameters, memory.parameters);
  other = config;
  other.accumulation_steps = 1;
  EXPECT_GT(estimate(other).micro_batch, memory.micro_batch);
  other = config;
  other.hidden_dim *= 2;
  EXPECT_GT(estimate(other).micro_batch, memory.micro_batch);
  EXPECT_GT(estimate(other).inference, memory.inference);
  other = config;
  other.messages = HgtMessages::shuffled;
  EXPECT_EQ(estimate(other).graph - memory.graph,
            static_cast<std::int64_t>(sizeof(kg::Edge)) * data.split.train.edge_count());
}

TEST(LinkMemoryTest, TheTileIsTheLargestThatFits) {
  const GraphData data = graph_data();
  HgtConfig config = small_config();
  config.hidden_dim = 256;  // so that a layer takes more than what comes after it
  const std::int64_t whole = inference_bytes(config, data, 100);
  const std::int64_t half = inference_bytes(config, data, 50);
  EXPECT_LT(half, whole);
  EXPECT_EQ(fitting_tile(config, data, whole), 100);
  EXPECT_EQ(fitting_tile(config, data, whole - 1), 50);
  EXPECT_EQ(fitting_tile(config, data, half - 1), 25);
  EXPECT_EQ(fitting_tile(config, data, 1000), std::nullopt);
  HgtConfig larger = config;
  larger.node_batch_size = 1'000'000;
  EXPECT_EQ(fitting_tile(larger, data, 1LL << 40), data.messages.node_count());
}

}  // namespace
}  // namespace hgnn_moe::hgt
