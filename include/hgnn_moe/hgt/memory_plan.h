// How a run fits into the memory that it may use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/graph_data.h"
#include "hgnn_moe/hgt/link_memory.h"

namespace hgnn_moe::hgt {

struct MemoryLimit {
  std::int64_t bytes = 0;  // that the whole process may take
  bool is_given = false;   // as memory_limit, not what the machine has
};

// memory_limit, else what the machine or the process's control group has left with what the process
// holds already. Nothing on a GPU without memory_limit, and where no file tells.
std::optional<MemoryLimit> memory_limit_of(const HgtConfig& config, c10::Device device);

struct MemoryPlan {
  LinkMemory memory;
  MicroBatchSize size;          // of the largest micro-batch that was sampled
  std::int64_t tile_nodes = 0;  // of inference, at most node_batch_size
  bool copies_checkpoints = true;
  std::vector<std::string> notes;  // what the limit changed, and what reaches most of the graph
};

// Samples the first micro-batches and estimates a run of `config`. To stay below the limit
// checkpoints are written without a copy and tiles of inference become smaller, and nothing else
// changes: the estimate may be above it.
MemoryPlan plan_memory(const HgtConfig& config, const GraphData& data,
                       const std::optional<MemoryLimit>& limit);

// Throws Error(out_of_memory) where the plan is above the limit: the estimate, the limit, the
// largest part, and which options would make it fit, each tried out.
void check_fits(const MemoryPlan& plan, const HgtConfig& config, const GraphData& data,
                const std::optional<MemoryLimit>& limit);

// "about 2.1 GiB of memory: micro_batch 1.2 GiB, ...", the largest parts first.
std::string to_text(const LinkMemory& memory);

// The tiles of inference with a trained model. Throws Error(out_of_memory) where a tile of one node
// does not fit.
struct TilePlan {
  std::int64_t tile_nodes = 0;
  std::vector<std::string> notes;
};
TilePlan plan_inference(const HgtConfig& config, const GraphData& data,
                        const std::optional<MemoryLimit>& limit);

}  // namespace hgnn_moe::hgt
