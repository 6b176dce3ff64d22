#include "node_table.h"

#include <functional>
#include <limits>
#include <utility>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::kg {
namespace {

constexpr std::size_t kFirstSlots = 1024;

std::uint32_t hash_of(const NodeKey& key) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15u;
  std::uint64_t hash = std::hash<std::string_view>()(key.id);
  hash = (hash ^ static_cast<std::uint32_t>(key.type)) * kOdd;
  hash = (hash ^ static_cast<std::uint32_t>(key.source)) * kOdd;
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

NodeTable::NodeTable() : slots_(kFirstSlots) {}

std::size_t NodeTable::slot_of(const NodeKey& wanted, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.node < 0) return at;
    if (slot.hash != hash) continue;
    const NodeKey found = key(slot.node);
    if (found.type == wanted.type && found.source == wanted.source && found.id == wanted.id) {
      return at;
    }
  }
}

std::int32_t NodeTable::find_or_add(const NodeKey& key, std::string_view name) {
  const std::uint32_t hash = hash_of(key);
  const std::size_t at = slot_of(key, hash);
  if (slots_[at].node >= 0) return slots_[at].node;
  const std::int32_t node = size();
  HGNN_MOE_ASSERT(node < std::numeric_limits<std::int32_t>::max(), "{} nodes", node);
  slots_[at] = {node, hash};
  types_.push_back(key.type);
  sources_.push_back(key.source);
  ids_.add(key.id);
  names_.add(name);
  if (static_cast<std::size_t>(size()) * 2 > slots_.size()) grow();
  return node;
}

void NodeTable::grow() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.node < 0) continue;
    std::size_t at = slot.hash & mask;
    while (slots_[at].node >= 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

}  // namespace hgnn_moe::kg
