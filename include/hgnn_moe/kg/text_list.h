// Texts of nodes while there are more to come.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::kg {

// Texts that are appended, as in TextArray.
class TextList {
 public:
  std::int32_t size() const { return static_cast<std::int32_t>(offsets_.size()) - 1; }
  std::string_view operator[](std::int32_t index) const {
    return {bytes_.data() + offsets_[index],
            static_cast<std::size_t>(offsets_[index + 1] - offsets_[index])};
  }
  void add(std::string_view text);
  TextArray share() &&;

 private:
  std::vector<std::int64_t> offsets_{0};
  std::vector<char> bytes_;
};

}  // namespace hgnn_moe::kg
