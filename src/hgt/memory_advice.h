// Which options would make a run fit into its memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hgnn_moe/config/hgt_config.h"

namespace hgnn_moe::hgt {

// The bytes that a run of the configuration takes; asked for one after another.
using MemoryOf = std::function<std::int64_t(const HgtConfig&)>;

// A configuration that takes less memory than another one, and the flags that lead there.
struct LighterRun {
  std::string flags;  // "--num_neighbors 5,5"
  HgtConfig config;
  std::int64_t bytes = 0;
};

struct MemoryAdvice {
  std::vector<LighterRun> fitting;       // each enough by itself, with as little change as it takes
  std::vector<LighterRun> insufficient;  // single options at their last step, none of them enough
};

// Follows each option in steps of a half, or a double of accumulation_steps. Where no single option
// is enough, `fitting` has one entry that joins several, always the step that saves most, or none.
MemoryAdvice advise(const HgtConfig& config, std::int64_t limit, const MemoryOf& memory_of);

}  // namespace hgnn_moe::hgt
