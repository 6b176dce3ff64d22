#include "memory_advice.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "hgnn_moe/base/text.h"

namespace hgnn_moe::hgt {

namespace {

constexpr std::int64_t kFewestEdges = 100;
constexpr std::int64_t kSmallestWidth = 16;
// Of accumulation_steps, whose micro-batches share their negatives: further doubling saves little.
constexpr std::int64_t kMostParts = 256;

// The next lighter value of one option, or nothing.
using Step = std::optional<HgtConfig> (*)(HgtConfig);

std::optional<HgtConfig> more_parts(HgtConfig config) {
  const std::int64_t parts = 2 * config.accumulation_steps;
  if (parts > std::min(kMostParts, config.batch_size)) return std::nullopt;
  config.accumulation_steps = parts;
  return config;
}

std::optional<HgtConfig> fewer_neighbors(HgtConfig config) {
  if (config.messages == HgtMessages::none || config.sampling != HgtSampling::neighbors) {
    return std::nullopt;
  }
  constexpr std::int64_t kInPlaceOfAll = 10;
  std::vector<std::string> counts;
  for (const std::int64_t count : neighbor_counts(config.num_neighbors)) {
    const std::int64_t fewer = count == kAll ? kInPlaceOfAll : count > 1 ? count / 2 : count;
    counts.push_back(std::to_string(fewer));
  }
  const std::string joined = join(counts, ",");
  if (joined == config.num_neighbors) return std::nullopt;
  config.num_neighbors = joined;
  return config;
}

std::optional<HgtConfig> fewer_edges(HgtConfig config) {
  if (config.messages == HgtMessages::none) return std::nullopt;
  if (config.sampling != HgtSampling::edges) {
    config.sampling = HgtSampling::edges;
    return config;
  }
  if (config.edge_sample_size / 2 < kFewestEdges) return std::nullopt;
  config.edge_sample_size /= 2;
  return config;
}

std::optional<HgtConfig> narrower_layers(HgtConfig config) {
  const std::int64_t width = config.hidden_dim / 2;
  if (config.hidden_dim % 2 != 0 || width < kSmallestWidth || width % config.num_heads != 0) {
    return std::nullopt;
  }
  config.hidden_dim = width;
  return config;
}

std::optional<HgtConfig> narrower_embeddings(HgtConfig config) {
  const std::int64_t width = config.embedding_dim / 2;
  if (config.embedding_dim % 4 != 0 || width < kSmallestWidth) return std::nullopt;
  config.embedding_dim = width;
  return config;
}

constexpr Step kSteps[] = {more_parts, fewer_neighbors, fewer_edges, narrower_layers,
                           narrower_embeddings};

std::string flags_between(const HgtConfig& from, const HgtConfig& to) {
  std::vector<std::string> flags;
  const auto add = [&](const char* name, const auto& before, const auto& after) {
    if (before != after) flags.push_back(fmt::format("--{} {}", name, after));
  };
  add("accumulation_steps", from.accumulation_steps, to.accumulation_steps);
  if (to.sampling == HgtSampling::edges) {
    if (from.sampling != to.sampling) flags.emplace_back("--sampling edges");
    add("edge_sample_size", from.edge_sample_size, to.edge_sample_size);
  } else {
    add("num_neighbors", from.num_neighbors, to.num_neighbors);
  }
  add("hidden_dim", from.hidden_dim, to.hidden_dim);
  add("embedding_dim", from.embedding_dim, to.embedding_dim);
  return join(flags, " ");
}

// From `config` by steps of one option to what fits, or to the last of them.
std::optional<LighterRun> follow(const HgtConfig& config, Step step, std::int64_t limit,
                                 const MemoryOf& memory_of) {
  std::optional<LighterRun> run;
  for (auto next = step(config); next.has_value(); next = step(*next)) {
    run = LighterRun{flags_between(config, *next), *next, memory_of(*next)};
    if (run->bytes <= limit) break;
  }
  return run;
}

std::optional<LighterRun> join_steps(const HgtConfig& config, std::int64_t limit,
                                     const MemoryOf& memory_of) {
  LighterRun run{"", config, memory_of(config)};
  while (run.bytes > limit) {
    std::optional<LighterRun> best;
    for (const Step step : kSteps) {
      const auto next = step(run.config);
      if (!next.has_value()) continue;
      const std::int64_t bytes = memory_of(*next);
      if (!best.has_value() || bytes < best->bytes) best = LighterRun{"", *next, bytes};
    }
    if (!best.has_value() || best->bytes >= run.bytes) return std::nullopt;
    run = *best;
  }
  run.flags = flags_between(config, run.config);
  return run;
}

}  // namespace

MemoryAdvice advise(const HgtConfig& config, std::int64_t limit, const MemoryOf& memory_of) {
  MemoryAdvice advice;
  for (const Step step : kSteps) {
    const auto run = follow(config, step, limit, memory_of);
    if (!run.has_value()) continue;
    (run->bytes <= limit ? advice.fitting : advice.insufficient).push_back(*run);
  }
  if (!advice.fitting.empty()) return advice;
  if (const auto joined = join_steps(config, limit, memory_of)) advice.fitting.push_back(*joined);
  return advice;
}

}  // namespace hgnn_moe::hgt
