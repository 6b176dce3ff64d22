#include "hgnn_moe/data/token_source.h"

#include <algorithm>
#include <utility>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::data {

JoinedDocuments::JoinedDocuments(std::unique_ptr<Documents> documents, std::int64_t end_of_text_id)
    : documents_(std::move(documents)), end_of_text_id_(end_of_text_id) {}

std::int64_t JoinedDocuments::size() const { return joined_start(documents_->size()); }

std::int64_t JoinedDocuments::joined_start(std::int64_t document) const {
  return documents_->start(document) + document;  // one end of text for each document before
}

void JoinedDocuments::read(std::int64_t first, std::int64_t count, std::int64_t* out) const {
  HGNN_MOE_ASSERT(first >= 0 && count >= 0 && first <= size() - count,
                  "tokens {} + {} of a stream of {}", first, count, size());
  // The last document that starts at or before `first`.
  std::int64_t document = 0;
  for (std::int64_t end = documents_->size(); end - document > 1;) {
    const std::int64_t middle = document + (end - document) / 2;
    (joined_start(middle) <= first ? document : end) = middle;
  }
  for (std::int64_t offset = first - joined_start(document); count > 0; ++document, offset = 0) {
    const std::int64_t length = documents_->length(document);
    const std::int64_t taken = std::min(count, length - offset);
    documents_->read(document, offset, taken, out);
    out += taken;
    count -= taken;
    if (count > 0) {
      *out++ = end_of_text_id_;
      --count;
    }
  }
}

}  // namespace hgnn_moe::data
