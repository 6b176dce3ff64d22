#include "hgnn_moe/data/synthetic.h"

#include <algorithm>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"

namespace hgnn_moe::data {
namespace {

constexpr std::uint64_t kCorpusKey = 0x73796e7468657469;
constexpr std::int64_t kMinLength = 16;

// The last word of a counter: keeps the three uses of the corpus' random numbers apart.
enum class Use : std::uint32_t { length, token, successor };

PhiloxBlock draw(Use use, std::int64_t a, std::int64_t b, std::uint32_t c) {
  return philox(kCorpusKey, {{static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b), c,
                              static_cast<std::uint32_t>(use)}});
}

std::int64_t successor(std::int64_t id, std::int64_t rank, std::int64_t ids) {
  return draw(Use::successor, id, rank, 0).v[0] % ids;
}

// 0, 1, 2, 3 with probabilities 1/2, 1/4, 1/8, 1/8.
std::int64_t successor_rank(std::uint32_t bits) {
  if ((bits & 1) == 0) return 0;
  if ((bits & 2) == 0) return 1;
  return (bits & 4) == 0 ? 2 : 3;
}

}  // namespace

SyntheticDocuments::SyntheticDocuments(Split split, std::int64_t count, std::int64_t vocab_size,
                                       std::int64_t max_length) {
  const std::int64_t ids = vocab_size - 1;
  HGNN_MOE_ASSERT(ids > 0, "vocab_size {}", vocab_size);
  const auto stream = static_cast<std::uint32_t>(split);
  for (std::int64_t document = 0; document < count; ++document) {
    const std::int64_t length =
        kMinLength + draw(Use::length, document, 0, stream).v[0] % (max_length + 1);
    std::int64_t id = 0;
    for (std::int64_t position = 0; position < length; ++position) {
      const PhiloxBlock random = draw(Use::token, position, document, stream);
      const bool any_id = position == 0 || random.v[0] % 8 == 0;
      id = any_id ? random.v[1] % ids : successor(id, successor_rank(random.v[2]), ids);
      tokens_.push_back(id);
    }
    add_document(length);
  }
}

void SyntheticDocuments::read(std::int64_t document, std::int64_t first, std::int64_t count,
                              std::int64_t* out) const {
  HGNN_MOE_ASSERT(document >= 0 && document < size() && first >= 0 && count >= 0 &&
                      first <= length(document) - count,
                  "tokens {} + {} of document {}", first, count, document);
  std::copy_n(tokens_.begin() + start(document) + first, count, out);
}

}  // namespace hgnn_moe::data
