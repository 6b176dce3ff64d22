#include "src/hgt/memory_advice.h"

#include <gtest/gtest.h>

namespace hgnn_moe::hgt {
namespace {

HgtConfig base() {
  HgtConfig config;
  config.num_neighbors = "10,10";
  return config;
}

// Of neighbours, edges and widths, as if they were all that there is.
std::int64_t plain_bytes(const HgtConfig& config) {
  std::int64_t nodes = config.edge_sample_size;
  if (config.sampling == HgtSampling::neighbors) {
    nodes = 1;
    for (const std::int64_t count : neighbor_counts(config.num_neighbors)) {
      nodes *= count == kAll ? 1000 : count * 20;
    }
  }
  return nodes * config.hidden_dim;
}

std::vector<std::string> flags_of(const std::vector<LighterRun>& runs) {
  std::vector<std::string> flags;
  for (const LighterRun& run : runs) flags.push_back(run.flags);
  return flags;
}

using Flags = std::vector<std::string>;

TEST(MemoryAdviceTest, EachOptionGoesAsFarAsItMust) {
  // 40,000 nodes of 256 numbers; a third of that is asked for.
  const std::int64_t all = plain_bytes(base());
  const MemoryAdvice advice = advise(base(), all / 3, plain_bytes);
  EXPECT_EQ(flags_of(advice.fitting),
            (Flags{"--num_neighbors 5,5", "--sampling edges", "--hidden_dim 64"}));
  EXPECT_EQ(flags_of(advice.insufficient),
            (Flags{"--accumulation_steps 256", "--embedding_dim 16"}));
  for (const LighterRun& run : advice.fitting) {
    EXPECT_EQ(run.bytes, plain_bytes(run.config));
    EXPECT_LE(run.bytes, all / 3);
  }
  for (const LighterRun& run : advice.insufficient) EXPECT_EQ(run.bytes, all);
}

TEST(MemoryAdviceTest, StepsAreJoinedWhereNoneIsEnough) {
  const auto bytes = [](const HgtConfig& config) {
    return 1000 * config.hidden_dim + 1000 * config.embedding_dim;
  };
  const MemoryAdvice advice = advise(base(), 150'000, bytes);
  EXPECT_EQ(flags_of(advice.fitting), (Flags{"--hidden_dim 64 --embedding_dim 64"}));
  EXPECT_EQ(advice.fitting.front().bytes, 128'000);
  EXPECT_EQ(advice.insufficient.size(), 5u);
}

TEST(MemoryAdviceTest, SaysNothingWhereNothingHelps) {
  const MemoryAdvice advice = advise(base(), 10, [](const HgtConfig&) { return 11; });
  EXPECT_TRUE(advice.fitting.empty());
}

TEST(MemoryAdviceTest, OptionsWithoutEffectAreNotAdvised) {
  HgtConfig config = base();
  config.messages = HgtMessages::none;
  config.hidden_dim = 24;
  config.num_heads = 8;  // 12 is not a multiple
  config.embedding_dim = 16;
  config.batch_size = 15;
  const MemoryAdvice advice = advise(config, 10, [](const HgtConfig&) { return 11; });
  EXPECT_TRUE(advice.insufficient.empty()) << flags_of(advice.insufficient).front();
}

TEST(MemoryAdviceTest, AllNeighboursBecomeTen) {
  HgtConfig config = base();
  config.num_neighbors = "all,4";
  const MemoryAdvice advice = advise(config, 8 * plain_bytes(base()) / 10, plain_bytes);
  EXPECT_EQ(flags_of(advice.fitting).front(), "--num_neighbors 10,2");
}

TEST(MemoryAdviceTest, EdgesAreHalvedWhereTheyAreSampled) {
  HgtConfig config = base();
  config.sampling = HgtSampling::edges;
  const MemoryAdvice advice = advise(config, plain_bytes(config) / 4, plain_bytes);
  EXPECT_EQ(flags_of(advice.fitting), (Flags{"--edge_sample_size 1250", "--hidden_dim 64"}));
}

}  // namespace
}  // namespace hgnn_moe::hgt
