#include "link_sampling.h"

#include <limits>
#include <vector>

#include "found_for.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/kg/contrast_pairs.h"
#include "hgnn_moe/kg/find_node_type.h"
#include "hgnn_moe/kg/find_relations.h"
#include "hgnn_moe/kg/message_graph.h"

namespace hgnn_moe::hgt {

namespace {

// An anchor is drawn towards one of so many, the most similar to it.
constexpr std::int64_t kNearestPartners = 64;

// Those that are named, or all between the type and others.
std::vector<std::int32_t> contrast_relations(const HgtConfig& config, const kg::Graph& graph,
                                             std::int32_t node_type) {
  std::vector<std::int32_t> relations =
      kg::find_relations(graph, name_list(config.contrast_relations));
  if (!relations.empty()) return relations;
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    const kg::Relation& relation = graph.relations[r];
    if ((relation.head_type == node_type) != (relation.tail_type == node_type)) {
      relations.push_back(static_cast<std::int32_t>(r));
    }
  }
  return relations;
}

kg::ContrastSampler contrast_sampler(const HgtConfig& config, const kg::Graph& graph) {
  const std::int32_t type = found_for(
      "contrast_node_type", [&] { return kg::find_node_type(graph, config.contrast_node_type); });
  const std::vector<std::int32_t> relations =
      found_for("contrast_relations", [&] { return contrast_relations(config, graph, type); });
  if (relations.empty()) {
    fail(ExitCode::usage,
         "contrastive_weight is {}, but no relation joins nodes of type {} with nodes of another "
         "type; name contrast_relations or give contrastive_weight 0",
         config.contrastive_weight, config.contrast_node_type);
  }
  kg::ContrastPairs pairs(graph, {type, relations, config.similarity_threshold});
  if (pairs.nodes().empty()) {
    fail(ExitCode::usage,
         "contrastive_weight is {}, but no two nodes of type {} are alike by more than "
         "similarity_threshold {}; lower it, name other contrast_relations or give "
         "contrastive_weight 0",
         config.contrastive_weight, config.contrast_node_type, config.similarity_threshold);
  }
  return {std::move(pairs), kNearestPartners, config.contrast_anchors,
          static_cast<std::uint64_t>(config.seed)};
}

std::int64_t negative_count(const HgtConfig& config) {
  return config.num_negatives == kAll ? std::numeric_limits<std::int32_t>::max()
                                      : config.num_negatives;
}

}  // namespace

LinkSampling::LinkSampling(const HgtConfig& config, const GraphData& data)
    : facts_(data.split.train, data.trained_relations),
      known_(data.split.train),
      negatives_(data.split.train.node_types, negative_count(config),
                 static_cast<std::uint64_t>(config.seed)) {
  const auto seed = static_cast<std::uint64_t>(config.seed);
  if (config.messages != HgtMessages::none) {
    const kg::MessageGraph messages(data.messages);
    if (config.sampling == HgtSampling::neighbors) {
      neighbors_.emplace(messages, neighbor_counts(config.num_neighbors), seed);
    } else {
      edges_.emplace(messages, config.edge_sample_size, seed);
    }
  }
  if (config.contrastive_weight > 0) contrast_.emplace(contrast_sampler(config, data.split.train));
  maker_.emplace(kg::LinkSources{data.split.train, known_, negatives_,
                                 neighbors_ ? &*neighbors_ : nullptr, edges_ ? &*edges_ : nullptr,
                                 contrast_ ? &*contrast_ : nullptr, config.num_layers});
}

}  // namespace hgnn_moe::hgt
