// The order in which facts are trained on.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/facts.h"

namespace hgnn_moe::kg {

// All facts of a training graph in the order of one epoch, which depends on (seed, epoch) alone:
// what stands at a position needs no history, so a resumed run goes on where it stopped. A fact
// comes as its primary edge; one of a symmetric relation in a direction drawn for each epoch, since
// a decoder that is not symmetric should learn both. Reading is safe from several threads.
class EpochTargets {
 public:
  EpochTargets(const Facts& facts, std::uint64_t seed, std::int64_t epoch);

  std::int64_t size() const { return facts_.size(); }
  Target operator[](std::int64_t position) const;

 private:
  Facts facts_;
  std::uint64_t direction_key_;
  std::vector<std::int32_t> order_;  // facts by position
};

// Positions [first, last) of an epoch.
struct PositionRange {
  std::int64_t first = 0;
  std::int64_t last = 0;

  std::int64_t size() const { return last - first; }
};

inline bool operator==(PositionRange a, PositionRange b) {
  return a.first == b.first && a.last == b.last;
}

// The batches of an epoch of `size` targets; the last may be short.
std::int64_t batch_count(std::int64_t size, std::int64_t batch_size);
PositionRange batch_range(std::int64_t size, std::int64_t batch_size, std::int64_t batch);

// Cuts a batch into `count` micro-batches whose sizes differ by at most one, longer ones first; a
// batch of fewer targets gives one micro-batch for each.
std::vector<PositionRange> micro_batches(PositionRange batch, std::int64_t count);

std::vector<Target> targets_of(const EpochTargets& epoch, PositionRange positions);

}  // namespace hgnn_moe::kg
