#include "hgnn_moe/kg/link_batch.h"

#include <algorithm>
#include <map>
#include <utility>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/sort_unique.h"

namespace hgnn_moe::kg {
namespace {

constexpr int kPartBits = 16;

// In place of node numbers, their places in `ascending`, which holds all of them.
void replace_by_rows(const std::vector<std::int32_t>& ascending, std::vector<std::int32_t>& nodes) {
  for (std::int32_t& node : nodes) {
    const auto found = std::lower_bound(ascending.begin(), ascending.end(), node);
    HGNN_MOE_ASSERT(found != ascending.end() && *found == node, "node {} has no row", node);
    node = static_cast<std::int32_t>(found - ascending.begin());
  }
}

// Micro-batch `positions` of `batch` takes the same share of the anchors. The candidates stay.
ContrastSet share_of(const ContrastSet& set, PositionRange batch, PositionRange positions) {
  const auto anchors = static_cast<std::int64_t>(set.anchors.size());
  const auto bound = [&](std::int64_t position) {
    return anchors * (position - batch.first) / batch.size();
  };
  const std::int64_t first = bound(positions.first), last = bound(positions.last);
  const auto width = static_cast<std::int64_t>(set.candidates.size());
  ContrastSet share;
  share.candidates = set.candidates;
  share.anchors.assign(set.anchors.begin() + first, set.anchors.begin() + last);
  share.partners.assign(set.partners.begin() + first, set.partners.begin() + last);
  share.related.assign(set.related.begin() + first * width, set.related.begin() + last * width);
  return share;
}

}  // namespace

std::vector<CandidateGroup> LinkBatchMaker::groups(const std::vector<Target>& targets,
                                                   std::int64_t step) const {
  std::map<std::pair<Side, std::int32_t>, CandidateGroup> by_type;
  for (const Side side : {Side::head, Side::tail}) {
    for (std::size_t i = 0; i < targets.size(); ++i) {
      const Relation& relation = sources_.graph.relations[targets[i].triple.relation];
      const std::int32_t type = side == Side::head ? relation.head_type : relation.tail_type;
      CandidateGroup& group = by_type[{side, type}];
      group.side = side;
      group.node_type = type;
      group.targets.push_back(static_cast<std::int32_t>(i));
    }
  }
  std::vector<CandidateGroup> groups;
  for (auto& [key, group] : by_type) {
    group.candidates = sources_.negatives.draw(group.node_type, step);
    std::vector<Target> asked;
    for (const std::int32_t i : group.targets) asked.push_back(targets[i]);
    group.known = known_candidates(sources_.known, asked, group.side, group.candidates);
    groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<Block> LinkBatchMaker::blocks(const std::vector<std::int32_t>& nodes, std::int64_t part,
                                          std::int64_t step, const ExcludedEdges& excluded) const {
  if (sources_.neighbors != nullptr) return sources_.neighbors->sample(nodes, step, excluded);
  if (sources_.edges == nullptr) return {};
  HGNN_MOE_ASSERT(part < 1 << kPartBits, "micro-batch {}", part);
  return sources_.edges->sample(nodes, sources_.layers, step << kPartBits | part, excluded);
}

LinkBatch LinkBatchMaker::make(const EpochTargets& epoch, PositionRange batch,
                               PositionRange positions, std::int64_t part,
                               std::int64_t step) const {
  LinkBatch result;
  result.step = step;
  result.targets = targets_of(epoch, positions);
  result.groups = groups(result.targets, step);
  result.step_targets = batch.size();
  for (const Target& target : result.targets) {
    result.heads.push_back(target.triple.head);
    result.tails.push_back(target.triple.tail);
  }
  std::vector<std::vector<std::int32_t>*> lists = {&result.heads, &result.tails};
  for (CandidateGroup& group : result.groups) lists.push_back(&group.candidates);
  if (sources_.contrast != nullptr) {
    const ContrastSet whole = sources_.contrast->draw(step);
    result.step_anchors = static_cast<std::int64_t>(whole.anchors.size());
    result.contrast = share_of(whole, batch, positions);
    lists.push_back(&result.contrast->candidates);
  }

  for (const auto* list : lists) {
    result.nodes.insert(result.nodes.end(), list->begin(), list->end());
  }
  sort_unique(result.nodes);
  const ExcludedEdges excluded(sources_.graph, targets_of(epoch, batch));
  result.blocks = blocks(result.nodes, part, step, excluded);
  if (!result.blocks.empty()) result.nodes = destination_nodes(result.blocks.back());
  for (auto* list : lists) replace_by_rows(result.nodes, *list);
  return result;
}

}  // namespace hgnn_moe::kg
