#include "hgnn_moe/kg/negatives.h"

#include "free_numbers.h"
#include "negative_key.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/random_choice.h"

namespace hgnn_moe::kg {
namespace {

constexpr int kCountBits = 16;

NegativeUse use_of(Side side) {
  return side == Side::head ? NegativeUse::heads : NegativeUse::tails;
}

}  // namespace

NegativeSampler::NegativeSampler(const Graph& graph, const TripleIndex& known, std::uint64_t seed)
    : known_(&known), seed_(seed) {
  for (const Relation& relation : graph.relations) {
    head_types_.push_back(graph.node_types[relation.head_type]);
    tail_types_.push_back(graph.node_types[relation.tail_type]);
  }
}

const NodeType& NegativeSampler::candidates(const Triple& triple, Side side) const {
  return (side == Side::head ? head_types_ : tail_types_)[triple.relation];
}

std::vector<std::int32_t> NegativeSampler::draw(const std::vector<Target>& targets, Side side,
                                                std::int64_t count, std::int64_t step) const {
  HGNN_MOE_ASSERT(count >= 0 && count < 1 << kCountBits, "{} negatives", count);
  const std::uint64_t key = negative_key(seed_, step, use_of(side));
  std::vector<std::int32_t> negatives;
  negatives.reserve(targets.size() * static_cast<std::size_t>(count));
  for (const Target& target : targets) {
    HGNN_MOE_ASSERT(known_->contains(target.triple), "target {} is not known", target.index);
    const NodeType& type = candidates(target.triple, side);
    const Neighbors known = known_->known_at(side, target.triple);
    const std::int64_t free = type.count - known.size();
    const auto taken = [&](std::int64_t i) { return std::int64_t{known[i]} - type.first; };
    for (std::int64_t j = 0; j < count; ++j) {
      if (free == 0) {
        negatives.push_back(kNoNode);
        continue;
      }
      const auto index = static_cast<std::uint64_t>(target.index << kCountBits | j);
      const std::int64_t number = nth_free(draw_below(free, key, index), known.size(), taken);
      negatives.push_back(type.first + static_cast<std::int32_t>(number));
    }
  }
  return negatives;
}

}  // namespace hgnn_moe::kg
