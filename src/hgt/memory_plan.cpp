#include "hgnn_moe/hgt/memory_plan.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include <fmt/format.h>

#include "memory_advice.h"

#include "hgnn_moe/base/available_memory.h"
#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/train/device.h"

namespace hgnn_moe::hgt {

namespace {

// Micro-batches of one graph and configuration differ by a few per cent.
constexpr std::int64_t kSampledSteps = 2;
// On a graph of fewer nodes it does not matter how many a micro-batch reads.
constexpr std::int64_t kManyNodes = 50'000;
constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

std::string text_of(std::int64_t bytes) {
  return format_bytes(static_cast<std::uint64_t>(std::max<std::int64_t>(0, bytes)));
}

std::int64_t largest_tile(const HgtConfig& config, const GraphData& data) {
  return std::min<std::int64_t>(config.node_batch_size, data.messages.node_count());
}

// The estimate with the largest tile of inference that leaves the run below the limit, or that
// takes no more than training does.
MemoryPlan plan_of(const HgtConfig& config, const GraphData& data, const MicroBatchSize& size,
                   std::int64_t limit, bool copies_checkpoints) {
  MemoryPlan plan;
  plan.tile_nodes = largest_tile(config, data);
  plan.memory = estimate_memory(config, data, size, plan.tile_nodes);
  plan.copies_checkpoints = copies_checkpoints;
  if (!copies_checkpoints) plan.memory.checkpoint_copy = 0;
  if (plan.memory.total() <= limit) return plan;
  const std::int64_t training = plan.memory.batches + plan.memory.micro_batch;
  const std::int64_t others = plan.memory.total() - std::max(training, plan.memory.inference);
  plan.tile_nodes = fitting_tile(config, data, std::max(limit - others, training)).value_or(1);
  plan.memory.inference = inference_bytes(config, data, plan.tile_nodes);
  return plan;
}

// First with all that is convenient.
MemoryPlan lightest_plan(const HgtConfig& config, const GraphData& data, const MicroBatchSize& size,
                         std::int64_t limit) {
  MemoryPlan plan = plan_of(config, data, size, limit, /*copies_checkpoints=*/true);
  if (plan.memory.total() <= limit || plan.memory.checkpoint_copy == 0) return plan;
  return plan_of(config, data, size, limit, /*copies_checkpoints=*/false);
}

std::string limit_text(const MemoryLimit& limit) {
  return fmt::format("{} {}", limit.is_given ? "memory_limit is" : "the machine leaves",
                     text_of(limit.bytes));
}

std::string tile_note(const HgtConfig& config, std::int64_t tile_nodes, const MemoryLimit& limit) {
  return fmt::format("nodes are embedded {} at a time, not node_batch_size {}: {}", tile_nodes,
                     config.node_batch_size, limit_text(limit));
}

// Where each micro-batch computes most of the graph, smaller ones save neither memory nor time.
std::string reach_note(const HgtConfig& config, const GraphData& data, const MicroBatchSize& size) {
  const std::int64_t nodes = data.messages.node_count();
  if (config.sampling != HgtSampling::neighbors) return "";
  if (size.layers.empty() || nodes < kManyNodes || 2 * size.layers.front().sources < nodes) {
    return "";
  }
  return fmt::format(
      "a micro-batch reads {} of {} nodes along {} edges: fewer num_neighbors or sampling edges "
      "would take less memory and time",
      size.layers.front().sources, nodes, size.layers.front().edges);
}

std::string list_of(const std::vector<LighterRun>& runs) {
  std::vector<std::string> texts;
  for (const LighterRun& run : runs) {
    texts.push_back(fmt::format("{} ({})", run.flags, text_of(run.bytes)));
  }
  return join(texts, ", ");
}

// Bytes of other configurations on the same graph. Sampling is what takes time, so micro-batches
// are sampled again only where an option changes them.
class Estimator {
 public:
  Estimator(const GraphData& data, std::int64_t limit) : data_(data), limit_(limit) {}

  std::int64_t operator()(const HgtConfig& config) {
    const auto key = std::tuple(config.accumulation_steps, config.num_neighbors, config.sampling,
                                config.edge_sample_size);
    if (key != key_) size_ = sampled_size(config, data_, kSampledSteps);
    key_ = key;
    return lightest_plan(config, data_, size_, limit_).memory.total();
  }

 private:
  const GraphData& data_;
  std::int64_t limit_;
  std::tuple<std::int64_t, std::string, HgtSampling, std::int64_t> key_;
  MicroBatchSize size_;
};

[[noreturn]] void refuse(const HgtConfig& config, const GraphData& data, const MemoryPlan& plan,
                         const MemoryLimit& limit) {
  const std::int64_t fixed = plan.memory.program + plan.memory.graph;
  if (fixed >= limit.bytes) {
    fail(ExitCode::out_of_memory,
         "the program with its libraries ({}) and the graph ({}) take {} before anything is "
         "trained, but {}; give about {} for this run, or more than {} to be told what would fit",
         text_of(plan.memory.program), text_of(plan.memory.graph), text_of(fixed),
         limit_text(limit), text_of(plan.memory.total()), text_of(fixed));
  }
  auto parts = plan.memory.parts();
  parts.erase(parts.begin());  // the program itself, which no option makes smaller
  const auto largest = std::max_element(
      parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  Estimator estimator(data, limit.bytes);
  const MemoryAdvice advice =
      advise(config, limit.bytes, [&](const HgtConfig& other) { return estimator(other); });
  std::string sentence = fmt::format("training needs about {}, of which {} takes {}, but {}; ",
                                     text_of(plan.memory.total()), largest->first,
                                     text_of(largest->second), limit_text(limit));
  if (advice.fitting.empty()) {
    sentence +=
        "no smaller sample and no smaller dimension makes it fit, so give limit_nodes or "
        "more memory";
  } else {
    sentence += fmt::format("give {}{}", advice.fitting.size() > 1 ? "one of " : "",
                            list_of(advice.fitting));
  }
  if (!advice.insufficient.empty()) {
    sentence += fmt::format("; not enough by itself: {}", list_of(advice.insufficient));
  }
  throw Error(ExitCode::out_of_memory, sentence);
}

}  // namespace

std::optional<MemoryLimit> memory_limit_of(const HgtConfig& config, c10::Device device) {
  if (!config.memory_limit.empty()) {
    const auto bytes = parse_bytes(config.memory_limit);
    HGNN_MOE_ASSERT(bytes.has_value(), "memory_limit {}", config.memory_limit);
    return MemoryLimit{*bytes, /*is_given=*/true};
  }
  if (!device.is_cpu()) return std::nullopt;
  const auto available = available_memory();
  if (!available.has_value()) return std::nullopt;
  return MemoryLimit{*available + memory_bytes(device), /*is_given=*/false};
}

MemoryPlan plan_memory(const HgtConfig& config, const GraphData& data,
                       const std::optional<MemoryLimit>& limit) {
  const MicroBatchSize size = sampled_size(config, data, kSampledSteps);
  const std::int64_t bytes = limit.has_value() ? limit->bytes : kNoLimit;
  MemoryPlan plan = lightest_plan(config, data, size, bytes);
  plan.size = size;
  if (const std::string note = reach_note(config, data, size); !note.empty())
    plan.notes.push_back(note);
  if (!plan.copies_checkpoints) {
    plan.notes.push_back(
        fmt::format("training waits for checkpoints, without a copy to write in the background: {}",
                    limit_text(*limit)));
  }
  if (plan.tile_nodes < largest_tile(config, data)) {
    plan.notes.push_back(tile_note(config, plan.tile_nodes, *limit));
  }
  return plan;
}

void check_fits(const MemoryPlan& plan, const HgtConfig& config, const GraphData& data,
                const std::optional<MemoryLimit>& limit) {
  if (limit.has_value() && plan.memory.total() > limit->bytes) refuse(config, data, plan, *limit);
}

std::string to_text(const LinkMemory& memory) {
  auto parts = memory.parts();
  std::stable_sort(parts.begin(), parts.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> texts;
  for (const auto& [name, bytes] : parts) {
    if (bytes > 0) texts.push_back(fmt::format("{} {}", name, text_of(bytes)));
  }
  return fmt::format("about {} of memory: {}", text_of(memory.total()), join(texts, ", "));
}

TilePlan plan_inference(const HgtConfig& config, const GraphData& data,
                        const std::optional<MemoryLimit>& limit) {
  TilePlan plan;
  plan.tile_nodes = largest_tile(config, data);
  if (!limit.has_value()) return plan;
  const LinkMemory memory = estimate_memory(config, data, {}, plan.tile_nodes);
  const std::int64_t others = memory.program + memory.graph + memory.parameters;
  const auto tile = fitting_tile(config, data, limit->bytes - others);
  if (!tile.has_value()) {
    fail(ExitCode::out_of_memory,
         "embedding all nodes needs about {} even one node at a time, but {}; give more memory, or "
         "train on fewer nodes or with smaller dimensions",
         text_of(others + inference_bytes(config, data, 1)), limit_text(*limit));
  }
  if (*tile < plan.tile_nodes) plan.notes.push_back(tile_note(config, *tile, *limit));
  plan.tile_nodes = *tile;
  return plan;
}

}  // namespace hgnn_moe::hgt
