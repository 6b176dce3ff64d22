#include "hgnn_moe/train/memory_estimate.h"

#include <algorithm>

#include "hgnn_moe/model/coupler.h"
#include "hgnn_moe/ops/cuda_device.h"
#include "hgnn_moe/ops/linear_cross_entropy.h"

namespace hgnn_moe {

namespace {

constexpr std::int64_t kFloat = 4;
// LibTorch's code and tables in memory with the thread pools' and GEMM workspaces: the resident
// memory of short runs beyond the modelled parts. CUDA's libraries take as much again.
std::int64_t runtime_bytes() { return ops::cuda_status().compiled ? 352LL << 20 : 160LL << 20; }

// Bytes that one expert keeps of a token and feature for the backward pass, on the reference path:
// what the operations of model/expert.cpp save.
std::int64_t reference_expert_bytes(bool dropout) {
  const std::int64_t attention = 1 + 3 + 1 + 1;  // norm1 out, qkv, heads out, its rows together
  const std::int64_t residual = 1 + 1;           // h, norm2 out
  const std::int64_t ffn = 4 + 4;                // before and after GELU
  const std::int64_t out = 1;
  // Dropout keeps its scaled copies of the hidden layer, and the output's before the residual.
  return kFloat * (attention + residual + ffn + out + (dropout ? 4 : 0));
}

std::int64_t product_bytes(Precision precision) {
  return precision == Precision::bf16 ? 2 : kFloat;
}

// The same on the fused path: what the operations of ops/fused_experts.cpp save.
std::int64_t fused_expert_bytes(Precision precision) {
  const std::int64_t product = product_bytes(precision);
  const std::int64_t products = 3 + 1 + 1 + 4 + 4;  // qkv, heads, norm2 out, before and after GELU
  return product * products + kFloat * 1;           // h
}

// What a GPU's attention of one layer needs beside that (ops/packed_attention_*.cpp).
struct GpuAttention {
  std::int64_t kept = 0;         // for the backward pass
  std::int64_t temporaries = 0;  // of the backward pass
};

GpuAttention gpu_attention(const ModelConfig& config, std::int64_t n, std::int64_t length) {
  const std::int64_t product = product_bytes(config.precision);
  const std::int64_t n_e = n * config.num_experts, row = n_e * config.embed_dim * product;
  if (config.dropout_rate > 0.0) {
    // Scores and the gradient of probabilities in float32, probabilities and the gradient of scores
    // in the type of products, all [E A B, T, T]; padded q, k, v, their gradients and that of out.
    const std::int64_t matrix = n_e * config.num_heads * length;
    return {0, matrix * 2 * (kFloat + product) + 7 * row};
  }
  // Flash attention keeps q, k and v in place of what they are parts of; LibTorch's other one keeps
  // its padded result, too. Gradients of q, k and v stand beside that of all three.
  const bool flash = config.precision == Precision::bf16;
  return {flash ? 0 : row, 6 * row};
}

// The logits of a chunk of rows. A CPU sums in float32 beside products of another type.
std::int64_t logit_bytes(const ModelConfig& config, std::int64_t n, bool on_gpu) {
  const std::int64_t product = product_bytes(config.precision);
  const std::int64_t rows =
      ops::logit_rows(n, config.vocab_size * (on_gpu ? product : kFloat), ops::kLogitBytes);
  const bool beside = !on_gpu && product != kFloat;
  return rows * config.vocab_size * (product + (beside ? kFloat : 0));
}

// Forward through one layer without keeping anything, and a chunk of logits.
std::int64_t evaluation_bytes(const ModelConfig& config, std::int64_t n, std::int64_t logits) {
  const std::int64_t products = 6 + 1 + 1 + 4 + 4;  // qkv and its parts, heads, z, hidden layer
  const std::int64_t feature = products * product_bytes(config.precision) + kFloat * 2;
  // Weights of every token before and after softplus, and P.
  const std::int64_t e = config.num_experts;
  const std::int64_t weights =
      config.has_token_weights() ? kFloat * (2 * config.hypergraph.num_hyperedges() + e * e) : 0;
  return n * (e * config.embed_dim * feature + weights) + logits;
}

// All that the experts of a layer keep.
std::int64_t experts_bytes(const ModelConfig& config, std::int64_t n, std::int64_t length,
                           ExpertPath path) {
  const bool dropout = config.dropout_rate > 0.0;
  const std::int64_t n_e = n * config.num_experts;
  if (path == ExpertPath::fused) {
    const std::int64_t log_sum_exp = kFloat * n_e * config.num_heads;
    return n_e * config.embed_dim * fused_expert_bytes(config.precision) + log_sum_exp;
  }
  // With dropout, softmax and its dropped copy: [B, A, T, T] an expert.
  const std::int64_t probabilities = dropout ? 2 * kFloat * n_e * config.num_heads * length : 0;
  return n_e * config.embed_dim * reference_expert_bytes(dropout) + probabilities;
}

// What the layers of a coupler keep beside their stacked input, in units of N * E * D.
std::int64_t coupler_units(const ModelConfig& config, CouplerPath path) {
  switch (config.coupler_type) {
    case CouplerType::gnn:
      return 4 * config.coupler_layers;  // message, both transforms' sum, GELU, X
    case CouplerType::hgnn:
      if (config.hypergraph_is_empty() || path == CouplerPath::collapsed) return 0;
      // X Theta^T and P X; a linear last layer is read out and works on means alone.
      return 2 * (config.coupler_layers - (config.can_collapse() ? 1 : 0));
    case CouplerType::mean:
    case CouplerType::none:
      return 0;
  }
  return 0;
}

// The weights that products take in bf16, once more in that type: 12 D^2 an expert, the coupler's
// matrices, the head's.
std::int64_t rounded_bytes(const ModelConfig& config, CouplerPath path) {
  if (config.precision != Precision::bf16) return 0;
  std::int64_t coupler = config.coupler_type == CouplerType::none ? 0 : 1;  // the combiner's
  if (config.coupler_type == CouplerType::gnn) coupler += 2 * config.coupler_layers;
  if (config.coupler_type == CouplerType::hgnn && !config.hypergraph_is_empty()) {
    // Collapsed, the matrices are multiplied with each other before anything is rounded.
    coupler = path == CouplerPath::collapsed ? 0 : coupler + config.coupler_layers;
  }
  const std::int64_t d = config.embed_dim;
  return 2 * d * (config.num_layers * d * (12 * config.num_experts + coupler) + config.vocab_size);
}

}  // namespace

MemoryEstimate estimate_memory(const ModelConfig& config, const StepInMemory& step) {
  const Execution& execution = step.execution;
  const ParameterCounts counts = count_parameters(config);
  const std::int64_t length = step.length.value_or(config.max_seq_length);
  const std::int64_t n = step.batch_size * length;
  const std::int64_t d = config.embed_dim, e = config.num_experts;

  const CouplerPath path = resolve_path(config, execution.coupler_path);
  const bool in_chunks =
      path == CouplerPath::batched && execution.coupler_chunk > 0 && execution.coupler_chunk < n;
  const std::int64_t coupler = coupler_units(config, path) * e * d;
  std::int64_t layer = n * d * (e + 6);  // the experts' outputs, and what all experts share
  if (!in_chunks) layer += n * coupler;
  if (config.has_token_weights()) {
    // Weights before and after softplus, degrees and P of every token, with what they keep.
    layer += n * (4 * config.hypergraph.num_hyperedges() + 4 * e * e);
  }
  // The loss keeps the logits of some rows, and makes the head's gradients while all layers'
  // activations are still there.
  const std::int64_t logits = logit_bytes(config, n, step.on_gpu);
  const std::int64_t head = logits + (config.embed_dim + 1) * config.vocab_size * kFloat;

  MemoryEstimate estimate;
  estimate.parameters = step.models * (counts.total() * kFloat + rounded_bytes(config, path));
  estimate.runtime = runtime_bytes();
  const std::int64_t evaluated = step.evaluated.value_or(n);
  estimate.evaluation =
      evaluation_bytes(config, evaluated, logit_bytes(config, evaluated, step.on_gpu));
  estimate.token_losses = step.token_losses;
  const std::int64_t in_evaluation =
      estimate.evaluation + (step.on_gpu ? 0 : estimate.token_losses);
  if (!step.trains) {
    estimate.evaluation_is_peak = true;
    estimate.total = estimate.parameters + in_evaluation + estimate.runtime;
    return estimate;
  }
  estimate.gradients = counts.total() * kFloat;
  estimate.optimizer = 2 * counts.total() * kFloat;
  if (step.background_saves) estimate.snapshot = 3 * counts.total() * kFloat;
  // In chunks, only one layer's coupler has anything at a time.
  const std::int64_t chunk = in_chunks ? execution.coupler_chunk * coupler : 0;
  const bool gpu_kernels = step.on_gpu && execution.expert_path == ExpertPath::fused;
  const GpuAttention attention = gpu_kernels ? gpu_attention(config, n, length) : GpuAttention{};
  const std::int64_t experts =
      experts_bytes(config, n, length, execution.expert_path) + attention.kept;
  const std::int64_t whole_layer = layer * kFloat + experts;
  // With checkpointing one layer at a time has its activations, all others their inputs.
  const std::int64_t all_layers = execution.checkpointing == ActivationCheckpointing::layer
                                      ? config.num_layers * n * d * kFloat + whole_layer
                                      : config.num_layers * whole_layer;
  // Gradients of one layer at a time: of the hidden layer before and after GELU, and around it.
  const std::int64_t backward = 10 * n * e * d * kFloat + attention.temporaries;
  const std::int64_t layers = all_layers + backward + chunk * kFloat;
  estimate.activations = layers + head;
  // Gradients of parameters appear after the head's temporaries are gone, but those that earlier
  // micro-batches have left are there all along.
  const std::int64_t backward_of_weights =
      step.micro_batches > 1 ? head + estimate.gradients : std::max(head, estimate.gradients);
  const std::int64_t in_step = layers + backward_of_weights;
  estimate.evaluation_is_peak = !step.captured && in_evaluation > in_step;
  estimate.total = estimate.parameters + estimate.optimizer + estimate.runtime +
                   (step.on_gpu ? 0 : estimate.snapshot) +
                   (step.captured ? in_step + in_evaluation : std::max(in_step, in_evaluation));
  return estimate;
}

}  // namespace hgnn_moe
