#include "hgnn_moe/hgt/micro_batch_size.h"

#include <algorithm>

#include "link_sampling.h"
#include "marked_ends.h"

#include "hgnn_moe/kg/edge_order.h"

namespace hgnn_moe::hgt {

namespace {

using Marks = std::vector<bool>;

// The range of a type among the block's sources.
struct Range {
  std::int32_t first, last;

  std::int64_t size() const { return last - first; }
};

Range sources_of(const kg::Block& block, const kg::NodeType& type) {
  const auto begin = block.sources.begin();
  const auto at = [&](std::int32_t node) {
    return static_cast<std::int32_t>(std::lower_bound(begin, block.sources.end(), node) - begin);
  };
  return {at(type.first), at(type.first + type.count)};
}

// The same among its destinations.
Range destinations_of(const kg::Block& block, Range sources) {
  const auto begin = block.destinations.begin();
  const auto at = [&](std::int32_t source) {
    return static_cast<std::int32_t>(std::lower_bound(begin, block.destinations.end(), source) -
                                     begin);
  };
  return {at(sources.first), at(sources.last)};
}

std::int64_t count(const Marks& marks, Range range) {
  return std::count(marks.begin() + range.first, marks.begin() + range.last, true);
}

}  // namespace

BlockSize size_of(const kg::Block& block, const std::vector<kg::NodeType>& types) {
  const Marks heads = marked_ends(static_cast<std::int64_t>(block.sources.size()), block.relations,
                                  &kg::BlockEdges::heads);
  const Marks tails = marked_ends(static_cast<std::int64_t>(block.destinations.size()),
                                  block.relations, &kg::BlockEdges::tails);
  BlockSize size;
  for (const kg::BlockEdges& edges : block.relations) {
    size.edges += static_cast<std::int64_t>(edges.heads.size());
  }
  for (const kg::NodeType& type : types) {
    const Range sources = sources_of(block, type), destinations = destinations_of(block, sources);
    const std::int64_t of_heads = count(heads, sources), of_tails = count(tails, destinations);
    const auto copied = [&](std::int64_t rows) { return rows < sources.size() ? rows : 0; };
    size.sources += sources.size();
    size.destinations += destinations.size();
    size.heads += of_heads;
    size.tails += of_tails;
    size.copied_heads += copied(of_heads);
    size.copied_tails += copied(of_tails);
    size.copied_destinations += copied(destinations.size());
  }
  return size;
}

MicroBatchSize size_of(const kg::LinkBatch& batch, const std::vector<kg::NodeType>& types) {
  MicroBatchSize size;
  for (const kg::Block& block : batch.blocks) size.layers.push_back(size_of(block, types));
  size.nodes = static_cast<std::int64_t>(batch.nodes.size());
  for (const kg::CandidateGroup& group : batch.groups) {
    const auto asked = static_cast<std::int64_t>(group.targets.size());
    const auto candidates = static_cast<std::int64_t>(group.candidates.size());
    size.asked += asked;
    size.candidates += candidates;
    size.scores += asked * candidates;
  }
  if (batch.contrast.has_value()) {
    size.contrasts = static_cast<std::int64_t>(batch.contrast->related.size());
    size.candidates += static_cast<std::int64_t>(batch.contrast->candidates.size());
  }
  return size;
}

MicroBatchSize largest(const MicroBatchSize& a, const MicroBatchSize& b) {
  MicroBatchSize result = a;
  result.layers.resize(std::max(a.layers.size(), b.layers.size()));
  for (std::size_t l = 0; l < b.layers.size(); ++l) {
    for (const auto member : {&BlockSize::sources, &BlockSize::destinations, &BlockSize::heads,
                              &BlockSize::tails, &BlockSize::copied_heads, &BlockSize::copied_tails,
                              &BlockSize::copied_destinations, &BlockSize::edges}) {
      result.layers[l].*member = std::max(result.layers[l].*member, b.layers[l].*member);
    }
  }
  for (const auto member :
       {&MicroBatchSize::nodes, &MicroBatchSize::asked, &MicroBatchSize::candidates,
        &MicroBatchSize::scores, &MicroBatchSize::contrasts}) {
    result.*member = std::max(result.*member, b.*member);
  }
  return result;
}

MicroBatchSize sampled_size(const HgtConfig& config, const GraphData& data, std::int64_t steps) {
  const LinkSampling sampling(config, data);
  const kg::EpochTargets epoch(sampling.facts(), static_cast<std::uint64_t>(config.seed),
                               /*epoch=*/0);
  MicroBatchSize size;
  const std::int64_t batches = kg::batch_count(epoch.size(), config.batch_size);
  for (std::int64_t step = 0; step < std::min(steps, batches); ++step) {
    const kg::PositionRange batch = kg::batch_range(epoch.size(), config.batch_size, step);
    const kg::PositionRange positions = kg::micro_batches(batch, config.accumulation_steps).front();
    const kg::LinkBatch sampled = sampling.maker().make(epoch, batch, positions, /*part=*/0, step);
    size = largest(size, size_of(sampled, data.split.train.node_types));
  }
  return size;
}

}  // namespace hgnn_moe::hgt
