#include "hgnn_moe/kg/edge_order.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/base/random_choice.h"

namespace hgnn_moe::kg {
namespace {

enum class Use : std::uint32_t { order, direction };

std::uint64_t key_of(std::uint64_t seed, std::int64_t epoch, Use use) {
  return philox_stream_key(seed, RandomPurpose::edge_order, static_cast<std::uint64_t>(epoch),
                           static_cast<std::uint32_t>(use));
}

}  // namespace

EpochTargets::EpochTargets(const Facts& facts, std::uint64_t seed, std::int64_t epoch)
    : facts_(facts), direction_key_(key_of(seed, epoch, Use::direction)) {
  HGNN_MOE_ASSERT(facts.size() <= std::numeric_limits<std::int32_t>::max(), "{} facts",
                  facts.size());
  order_.resize(static_cast<std::size_t>(facts.size()));
  std::iota(order_.begin(), order_.end(), 0);
  shuffle_front(order_, facts.size(), key_of(seed, epoch, Use::order));
}

Target EpochTargets::operator[](std::int64_t position) const {
  const std::int64_t index = order_[static_cast<std::size_t>(position)];
  Triple triple = facts_[index];
  if (facts_.is_symmetric(triple.relation) &&
      draw_bits(direction_key_, static_cast<std::uint64_t>(index)) % 2 == 1) {
    std::swap(triple.head, triple.tail);
  }
  return {triple, index};
}

std::int64_t batch_count(std::int64_t size, std::int64_t batch_size) {
  return (size + batch_size - 1) / batch_size;
}

PositionRange batch_range(std::int64_t size, std::int64_t batch_size, std::int64_t batch) {
  HGNN_MOE_ASSERT(batch >= 0 && batch < batch_count(size, batch_size), "batch {}", batch);
  return {batch * batch_size, std::min((batch + 1) * batch_size, size)};
}

std::vector<PositionRange> micro_batches(PositionRange batch, std::int64_t count) {
  count = std::min(count, batch.size());
  std::vector<PositionRange> parts;
  std::int64_t first = batch.first;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t size = batch.size() / count + (i < batch.size() % count ? 1 : 0);
    parts.push_back({first, first + size});
    first += size;
  }
  return parts;
}

std::vector<Target> targets_of(const EpochTargets& epoch, PositionRange positions) {
  std::vector<Target> targets;
  targets.reserve(static_cast<std::size_t>(positions.size()));
  for (std::int64_t p = positions.first; p < positions.last; ++p) targets.push_back(epoch[p]);
  return targets;
}

}  // namespace hgnn_moe::kg
