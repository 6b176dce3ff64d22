#include "hgnn_moe/kg/negatives.h"

#include <algorithm>
#include <utility>

#include "negative_key.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/random_choice.h"

namespace hgnn_moe::kg {

NegativeSampler::NegativeSampler(std::vector<NodeType> node_types, std::int64_t count,
                                 std::uint64_t seed)
    : node_types_(std::move(node_types)), count_(count), seed_(seed) {
  HGNN_MOE_ASSERT(count > 0, "{} negatives", count);
}

std::vector<std::int32_t> NegativeSampler::draw(std::int32_t node_type, std::int64_t step) const {
  const NodeType& type = node_types_.at(static_cast<std::size_t>(node_type));
  const std::int64_t count = std::min<std::int64_t>(count_, type.count);
  SubsetDraw subset;
  std::vector<std::int32_t> nodes;
  nodes.reserve(static_cast<std::size_t>(count));
  for (const std::int64_t number :
       subset.draw(type.count, count, negative_key(seed_, step, NegativeUse::shared),
                   static_cast<std::uint64_t>(node_type) << 32)) {
    nodes.push_back(type.first + static_cast<std::int32_t>(number));
  }
  return nodes;
}

std::vector<std::uint8_t> known_candidates(const TripleIndex& known,
                                           const std::vector<Target>& targets, Side side,
                                           const std::vector<std::int32_t>& candidates) {
  std::vector<std::uint8_t> mask(targets.size() * candidates.size(), unknown);
  std::uint8_t* row = mask.data();
  for (const Target& target : targets) {
    const Neighbors nodes = known.known_at(side, target.triple);
    // Both ascend: the shorter list is looked up in the longer one.
    if (nodes.size() < static_cast<std::int64_t>(candidates.size())) {
      for (std::int64_t i = 0; i < nodes.size(); ++i) {
        const auto found = std::lower_bound(candidates.begin(), candidates.end(), nodes[i]);
        if (found != candidates.end() && *found == nodes[i])
          row[found - candidates.begin()] = also_true;
      }
    } else {
      for (std::size_t j = 0; j < candidates.size(); ++j) {
        row[j] = nodes.contains(candidates[j]) ? also_true : unknown;
      }
    }
    const std::int32_t own = side == Side::head ? target.triple.head : target.triple.tail;
    const auto found = std::lower_bound(candidates.begin(), candidates.end(), own);
    if (found != candidates.end() && *found == own) row[found - candidates.begin()] = own_end;
    row += candidates.size();
  }
  return mask;
}

}  // namespace hgnn_moe::kg
