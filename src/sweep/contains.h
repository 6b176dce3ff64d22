#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace hgnn_moe {

inline bool contains(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

}  // namespace hgnn_moe
