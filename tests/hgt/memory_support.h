// A graph with what is held out of it, for tests of memory.
#pragma once

#include "tests/kg/sampling_support.h"

#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/graph_data.h"
#include "hgnn_moe/kg/split.h"

namespace hgnn_moe::hgt::testing {

inline GraphData graph_data(int scale = 10) {
  GraphData data;
  data.split = kg::split_pairs(kg::testing::random_graph(1, scale), {0.1, 0.1}, /*seed=*/1, {});
  data.messages = data.split.train;
  data.trained_relations =
      kg::primary_relations(data.split.train, kg::all_relations(data.split.train));
  return data;
}

inline HgtConfig small_config() {
  HgtConfig config;
  config.hidden_dim = 32;
  config.embedding_dim = 24;
  config.num_heads = 4;
  config.batch_size = 64;
  config.accumulation_steps = 4;
  config.num_neighbors = "3,2";
  config.num_negatives = 5;
  config.node_batch_size = 100;
  return config;
}

}  // namespace hgnn_moe::hgt::testing
