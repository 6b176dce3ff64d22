#include "hgnn_moe/hgt/memory_plan.h"

#include <gtest/gtest.h>

#include "memory_support.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {
namespace {

using testing::graph_data;
using testing::small_config;

MemoryLimit given(std::int64_t bytes) { return {bytes, /*is_given=*/true}; }

class MemoryPlanTest : public ::testing::Test {
 protected:
  MemoryPlan plan(std::optional<MemoryLimit> limit) const {
    return plan_memory(config_, data_, limit);
  }
  std::string refusal(const HgtConfig& config, std::int64_t bytes) const {
    try {
      check_fits(plan_memory(config, data_, given(bytes)), config, data_, given(bytes));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::out_of_memory);
      return error.what();
    }
    return "";
  }

  const GraphData data_ = graph_data();
  const HgtConfig config_ = small_config();
};

TEST_F(MemoryPlanTest, WithoutALimitNothingChanges) {
  const MemoryPlan all = plan(std::nullopt);
  EXPECT_EQ(all.tile_nodes, config_.node_batch_size);
  EXPECT_TRUE(all.copies_checkpoints);
  EXPECT_TRUE(all.notes.empty());
  EXPECT_EQ(plan(given(all.memory.total())).notes.size(), 0u);
}

TEST_F(MemoryPlanTest, CheckpointsAreNotCopiedWhereThatWouldNotFit) {
  const MemoryPlan all = plan(std::nullopt);
  const MemoryPlan tight = plan(given(all.memory.total() - 1));
  EXPECT_FALSE(tight.copies_checkpoints);
  EXPECT_EQ(tight.memory.checkpoint_copy, 0);
  ASSERT_EQ(tight.notes.size(), 1u);
  EXPECT_NE(tight.notes[0].find("training waits for checkpoints"), std::string::npos);
  EXPECT_EQ(tight.memory.total(), all.memory.total() - all.memory.checkpoint_copy);
}

TEST_F(MemoryPlanTest, WhatStillDoesNotFitIsRefusedWithAdviceThatFits) {
  HgtConfig config = config_;
  config.hidden_dim = 512;
  config.embedding_dim = 512;
  const std::int64_t whole = plan_memory(config, data_, std::nullopt).memory.total();
  const std::int64_t least = plan_memory(config, data_, given(1)).memory.total();
  EXPECT_LT(least, whole);
  EXPECT_EQ(refusal(config, least), "");
  const std::string message = refusal(config, least - 1);
  EXPECT_EQ(message.find("training needs about "), 0u) << message;
  EXPECT_NE(message.find("but memory_limit is "), std::string::npos) << message;
  EXPECT_NE(message.find("--hidden_dim 256 ("), std::string::npos) << message;
  config.hidden_dim = 256;
  EXPECT_EQ(refusal(config, least - 1), "");
  const LinkMemory memory = plan_memory(config, data_, std::nullopt).memory;
  const std::int64_t fixed = memory.program + memory.graph;
  EXPECT_NE(refusal(config, fixed + 1).find("so give limit_nodes or more memory"),
            std::string::npos);
  EXPECT_NE(refusal(config, fixed).find("before anything is trained, but memory_limit is "),
            std::string::npos);
}

TEST_F(MemoryPlanTest, TheLimitIsWhatIsGivenOrWhatThereIs) {
  HgtConfig config = config_;
  const auto available = memory_limit_of(config, at::kCPU);
  ASSERT_TRUE(available.has_value());
  EXPECT_FALSE(available->is_given);
  EXPECT_GT(available->bytes, 0);
  EXPECT_EQ(memory_limit_of(config, c10::Device(c10::kCUDA, 0)), std::nullopt);
  config.memory_limit = "2.5GiB";
  EXPECT_EQ(memory_limit_of(config, at::kCPU)->bytes, 2'684'354'560);
  EXPECT_TRUE(memory_limit_of(config, at::kCPU)->is_given);
}

TEST_F(MemoryPlanTest, InferenceTakesSmallerTilesOrIsRefused) {
  HgtConfig config = config_;
  config.hidden_dim = 256;  // so that a layer takes more than what comes after it
  EXPECT_EQ(plan_inference(config, data_, std::nullopt).tile_nodes, config.node_batch_size);
  const LinkMemory memory = estimate_memory(config, data_, {}, config.node_batch_size);
  const std::int64_t whole = memory.program + memory.graph + memory.parameters + memory.inference;
  EXPECT_TRUE(plan_inference(config, data_, given(whole)).notes.empty());
  const TilePlan smaller = plan_inference(config, data_, given(whole - 1));
  EXPECT_EQ(smaller.tile_nodes, config.node_batch_size / 2);
  ASSERT_EQ(smaller.notes.size(), 1u);
  EXPECT_EQ(smaller.notes[0].find("nodes are embedded 50 at a time, not node_batch_size 100"), 0u);
  EXPECT_THROW(plan_inference(config, data_, given(1000)), Error);
}

TEST(MemoryPlanNoteTest, TellsWhereAMicroBatchReadsMostOfALargeGraph) {
  const GraphData data = graph_data(/*scale=*/1300);
  ASSERT_GT(data.messages.node_count(), 50'000);
  HgtConfig config = small_config();
  EXPECT_TRUE(plan_memory(config, data, std::nullopt).notes.empty());
  config.batch_size = 20'000;
  config.accumulation_steps = 1;
  config.num_neighbors = "all,all";
  const auto notes = plan_memory(config, data, std::nullopt).notes;
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].find("a micro-batch reads "), 0u) << notes[0];
  config.sampling = HgtSampling::edges;
  config.edge_sample_size = 1'000'000;
  EXPECT_TRUE(plan_memory(config, data, std::nullopt).notes.empty());
}

}  // namespace
}  // namespace hgnn_moe::hgt
