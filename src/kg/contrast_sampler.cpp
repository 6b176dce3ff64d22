#include "hgnn_moe/kg/contrast_sampler.h"

#include <algorithm>
#include <utility>

#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/base/random_choice.h"
#include "hgnn_moe/base/sort_unique.h"

namespace hgnn_moe::kg {
namespace {

enum class Use : std::uint32_t { anchors, partners };

std::uint64_t key_of(std::uint64_t seed, std::int64_t step, Use use) {
  return philox_stream_key(seed, RandomPurpose::contrast_sampling, static_cast<std::uint64_t>(step),
                           static_cast<std::uint32_t>(use));
}

std::int32_t position(const std::vector<std::int32_t>& nodes, std::int32_t node) {
  return static_cast<std::int32_t>(std::lower_bound(nodes.begin(), nodes.end(), node) -
                                   nodes.begin());
}

}  // namespace

ContrastSampler::ContrastSampler(ContrastPairs pairs, const NodeType& type, std::int64_t count,
                                 std::uint64_t seed)
    : pairs_(std::move(pairs)), type_(type), count_(count), seed_(seed) {
  for (std::int32_t i = 0; i < type.count; ++i) {
    if (pairs_.offsets[i] < pairs_.offsets[i + 1]) nodes_.push_back(type.first + i);
  }
}

std::vector<std::int32_t> ContrastSampler::partners_of(std::int32_t node) const {
  const std::int32_t i = node - type_.first;
  std::vector<std::int32_t> partners(pairs_.partners.begin() + pairs_.offsets[i],
                                     pairs_.partners.begin() + pairs_.offsets[i + 1]);
  std::sort(partners.begin(), partners.end());
  return partners;
}

ContrastSet ContrastSampler::draw(std::int64_t step) const {
  const auto size = static_cast<std::int64_t>(nodes_.size());
  SubsetDraw subset;
  std::vector<std::int32_t> anchors, drawn;
  for (const std::int64_t i :
       subset.draw(size, std::min(size, count_), key_of(seed_, step, Use::anchors))) {
    const std::int32_t anchor = nodes_[static_cast<std::size_t>(i)];
    const std::vector<std::int32_t> partners = partners_of(anchor);
    const std::int64_t choice =
        draw_below(static_cast<std::int64_t>(partners.size()), key_of(seed_, step, Use::partners),
                   static_cast<std::uint64_t>(anchor));
    anchors.push_back(anchor);
    drawn.push_back(partners[static_cast<std::size_t>(choice)]);
  }

  ContrastSet set;
  set.candidates = anchors;
  set.candidates.insert(set.candidates.end(), drawn.begin(), drawn.end());
  sort_unique(set.candidates);
  set.related.assign(anchors.size() * set.candidates.size(), 0);
  std::uint8_t* row = set.related.data();
  for (std::size_t a = 0; a < anchors.size(); ++a, row += set.candidates.size()) {
    set.anchors.push_back(position(set.candidates, anchors[a]));
    set.partners.push_back(position(set.candidates, drawn[a]));
    row[set.anchors.back()] = 1;
    for (const std::int32_t partner : partners_of(anchors[a])) {
      const auto p = static_cast<std::size_t>(position(set.candidates, partner));
      if (p < set.candidates.size() && set.candidates[p] == partner) row[p] = 1;
    }
  }
  return set;
}

}  // namespace hgnn_moe::kg
