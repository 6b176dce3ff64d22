#include "hgnn_moe/kg/text_list.h"

#include <utility>

namespace hgnn_moe::kg {

void TextList::add(std::string_view text) {
  bytes_.insert(bytes_.end(), text.begin(), text.end());
  offsets_.push_back(static_cast<std::int64_t>(bytes_.size()));
}

TextArray TextList::share() && {
  return {SharedArray<std::int64_t>(std::move(offsets_)), SharedArray<char>(std::move(bytes_))};
}

}  // namespace hgnn_moe::kg
