// Which pairs of nodes are held out of training.
#pragma once

#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

enum class Part : std::uint8_t { train, valid, test };

// Undirected pairs in 8 bytes each. hold() all, then seal(), then ask.
class HeldPairs {
 public:
  // Of several parts that a pair is held for, the last of Part counts.
  void hold(Edge pair, Part part);
  void seal();

  Part part_of(Edge pair) const;
  bool empty() const { return codes_.empty(); }
  void release(Edge pair);  // back to training

 private:
  std::vector<std::uint64_t> codes_;  // both nodes and the part; descending
};

}  // namespace hgnn_moe::kg
