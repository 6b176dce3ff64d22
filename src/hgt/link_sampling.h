// The samplers of a run, and what they draw from.
#pragma once

#include <memory>
#include <optional>

#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/graph_data.h"
#include "hgnn_moe/kg/link_batch.h"
#include "hgnn_moe/kg/triple_index.h"

namespace hgnn_moe::hgt {

// Not to be moved: its parts point to each other.
class LinkSampling {
 public:
  // `data` outlives it. Throws Error(usage) where contrast_node_type or contrast_relations name
  // nothing that the graph has.
  LinkSampling(const HgtConfig& config, const GraphData& data);
  LinkSampling(const LinkSampling&) = delete;
  LinkSampling& operator=(const LinkSampling&) = delete;

  const kg::LinkBatchMaker& maker() const { return *maker_; }
  const kg::Facts& facts() const { return facts_; }

 private:
  kg::Facts facts_;
  kg::TripleIndex known_;
  kg::NegativeSampler negatives_;
  std::optional<kg::NeighborSampler> neighbors_;
  std::optional<kg::EdgeSampler> edges_;
  std::optional<kg::ContrastSampler> contrast_;
  std::optional<kg::LinkBatchMaker> maker_;
};

}  // namespace hgnn_moe::hgt
