// What a training step needs in memory, before anything is allocated.
#pragma once

#include <cstdint>

#include "hgnn_moe/model/coupler.h"
#include "hgnn_moe/model/model_config.h"

namespace hgnn_moe {

struct MemoryEstimate {
  std::int64_t parameters = 0;  // with what is kept of them in bf16
  std::int64_t gradients = 0;
  std::int64_t optimizer = 0;
  std::int64_t activations = 0;  // kept for the backward pass, with the head's temporaries
  std::int64_t runtime = 0;      // program, libraries and their workspaces
  // The peak. Less than the sum: gradients appear after the head's temporaries are gone.
  std::int64_t total = 0;
};

// Bytes at the peak of a step with full micro-batches of batch_size samples of T tokens, computed
// as `execution` says, whose expert_path is resolved. The sequential path is estimated as the
// batched one.
MemoryEstimate estimate_memory(const ModelConfig& config, std::int64_t batch_size,
                               const Execution& execution);

}  // namespace hgnn_moe
