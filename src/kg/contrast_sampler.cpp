#include "hgnn_moe/kg/contrast_sampler.h"

#include <algorithm>
#include <utility>

#include "hgnn_moe/base/error.h"
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

ContrastSampler::ContrastSampler(ContrastPairs pairs, std::int64_t nearest, std::int64_t count,
                                 std::uint64_t seed)
    : pairs_(std::move(pairs)), nearest_(nearest), count_(count), seed_(seed) {
  HGNN_MOE_ASSERT(nearest > 0 && count > 0, "{} partners, {} anchors", nearest, count);
}

ContrastSet ContrastSampler::draw(std::int64_t step) const {
  const std::vector<std::int32_t>& nodes = pairs_.nodes();
  const auto size = static_cast<std::int64_t>(nodes.size());
  SubsetDraw subset;
  std::vector<std::int32_t> anchors, drawn;
  std::vector<std::vector<ContrastPartner>> partners;
  for (const std::int64_t i :
       subset.draw(size, std::min(size, count_), key_of(seed_, step, Use::anchors))) {
    anchors.push_back(nodes[static_cast<std::size_t>(i)]);
    partners.push_back(pairs_.partners_of(anchors.back()));
    const auto choices = std::min(nearest_, static_cast<std::int64_t>(partners.back().size()));
    const std::int64_t choice = draw_below(choices, key_of(seed_, step, Use::partners),
                                           static_cast<std::uint64_t>(anchors.back()));
    drawn.push_back(partners.back()[static_cast<std::size_t>(choice)].node);
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
    for (const ContrastPartner& partner : partners[a]) {
      const auto p = static_cast<std::size_t>(position(set.candidates, partner.node));
      if (p < set.candidates.size() && set.candidates[p] == partner.node) row[p] = 1;
    }
  }
  return set;
}

}  // namespace hgnn_moe::kg
