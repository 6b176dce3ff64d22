// The nodes of a graph while its files are read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hgnn_moe/kg/graph.h"
#include "hgnn_moe/kg/text_list.h"

namespace hgnn_moe::kg {

struct NodeKey {
  std::int32_t type = 0;
  std::int32_t source = 0;
  std::string_view id;
};

// Numbers nodes in the order of their first appearance. Holds each id and name once: the table
// that finds them keeps numbers only, so that a million nodes take little beside their texts.
class NodeTable {
 public:
  NodeTable();

  std::int32_t size() const { return ids_.size(); }
  std::int32_t find_or_add(const NodeKey& key, std::string_view name);

  NodeKey key(std::int32_t node) const { return {types_[node], sources_[node], ids_[node]}; }
  std::string_view name(std::int32_t node) const { return names_[node]; }

 private:
  struct Slot {
    std::int32_t node = -1;
    std::uint32_t hash = 0;
  };

  std::size_t slot_of(const NodeKey& key, std::uint32_t hash) const;
  void grow();

  std::vector<std::int32_t> types_;
  std::vector<std::int32_t> sources_;
  TextList ids_;
  TextList names_;
  std::vector<Slot> slots_;  // open addressing, a power of two
};

}  // namespace hgnn_moe::kg
