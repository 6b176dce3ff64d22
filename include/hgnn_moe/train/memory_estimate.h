// What a training step or an evaluation needs in memory, before anything is allocated.
#pragma once

#include <cstdint>
#include <optional>

#include "hgnn_moe/model/coupler.h"
#include "hgnn_moe/model/model_config.h"

namespace hgnn_moe {

struct MemoryEstimate {
  std::int64_t parameters = 0;  // with what is kept of them in bf16
  std::int64_t gradients = 0;
  std::int64_t optimizer = 0;
  std::int64_t snapshot = 0;     // fp32 copy of both for checkpoints in the background, on the host
  std::int64_t activations = 0;  // kept for the backward pass, with the head's temporaries
  std::int64_t evaluation = 0;   // one layer's tensors and a chunk of logits
  std::int64_t token_losses = 0;  // of single targets that an evaluation keeps, on the host
  std::int64_t runtime = 0;       // program, libraries and their workspaces
  // The peak, at most the sum: an evaluation comes when a step's activations and gradients are
  // gone, except those of captured steps, which keep their memory; and the gradients of a step of
  // one micro-batch appear after the head's temporaries are gone.
  std::int64_t total = 0;
  bool evaluation_is_peak = false;  // whether a smaller step would not lower the total
};

struct StepInMemory {
  std::int64_t batch_size = 1;         // samples in a micro-batch
  Execution execution;                 // its expert_path is resolved
  bool background_saves = false;       // whether checkpoints other than the last are saved
  bool on_gpu = false;                 // the snapshot then takes of other memory
  bool captured = false;               // whether steps are captured, on a GPU
  std::int64_t micro_batches = 1;      // of a step
  bool trains = true;                  // else evaluates: weights, and one layer at a time
  std::int64_t models = 1;             // whose weights are there at once
  std::optional<std::int64_t> length;  // of the longest sample where it is known, else T
  // Tokens of a full batch of the evaluations, else as many as in a micro-batch; and the bytes of
  // the losses that an evaluation keeps on the host.
  std::optional<std::int64_t> evaluated;
  std::int64_t token_losses = 0;
};

// Bytes at the peak of such a step. The sequential path is estimated as the batched one. What is
// said of a GPU follows from the code; no GPU has confirmed it.
MemoryEstimate estimate_memory(const ModelConfig& config, const StepInMemory& step);

}  // namespace hgnn_moe
