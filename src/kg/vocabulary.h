// Names numbered in the order of their first appearance.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::kg {

class Vocabulary {
 public:
  std::int32_t size() const { return static_cast<std::int32_t>(texts_.size()); }
  const std::string& operator[](std::int32_t id) const { return texts_[id]; }

  // -1 where `text` has no number.
  std::int32_t find(std::string_view text) const {
    const auto found = ids_.find(text);
    return found == ids_.end() ? -1 : found->second;
  }

  std::int32_t find_or_add(std::string_view text) {
    const std::int32_t known = find(text);
    if (known >= 0) return known;
    const std::int32_t id = size();
    texts_.emplace_back(text);
    ids_.emplace(texts_.back(), id);
    return id;
  }

  std::vector<std::string> texts() const { return {texts_.begin(), texts_.end()}; }

 private:
  std::deque<std::string> texts_;  // which never moves what the keys below look at
  std::unordered_map<std::string_view, std::int32_t> ids_;
};

}  // namespace hgnn_moe::kg
