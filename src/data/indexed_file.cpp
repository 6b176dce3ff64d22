#include "hgnn_moe/data/indexed_file.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::data {
namespace {

constexpr std::string_view kMagic("MMIDIDX\0\0", 9);
constexpr std::size_t kVersionAt = 9;
constexpr std::size_t kTypeAt = 17;
constexpr std::size_t kSequenceCountAt = 18;
constexpr std::size_t kBoundaryCountAt = 26;
constexpr std::size_t kHeaderSize = 34;
constexpr std::size_t kBytesPerSequence = sizeof(std::int32_t) + sizeof(std::int64_t);

template <typename T>
T load(ByteSpan bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data + offset, sizeof(T));
  return value;
}

std::optional<TokenType> token_type_of_code(std::uint8_t code) {
  switch (code) {
    case 1:
      return TokenType::u8;
    case 2:
      return TokenType::i8;
    case 3:
      return TokenType::i16;
    case 4:
      return TokenType::i32;
    case 5:
      return TokenType::i64;
    case 8:
      return TokenType::u16;
    default:
      return std::nullopt;
  }
}

std::filesystem::path index_path(const std::filesystem::path& bin_path) {
  return std::filesystem::path(bin_path).replace_extension(".idx");
}

}  // namespace

IndexedFile::IndexedFile(const std::filesystem::path& bin_path)
    : index_(index_path(bin_path), ExitCode::data), bin_(bin_path, ExitCode::data) {
  parse_header();
  check_sequences();
  add_documents();
}

void IndexedFile::parse_header() {
  const ByteSpan index = index_.bytes();
  const std::string name = index_.path().string();
  if (index.size < kHeaderSize) {
    fail(ExitCode::data,
         "{}: {} bytes are fewer than the {} of a Megatron index header; the file is truncated, "
         "copy or prepare it again",
         name, index.size, kHeaderSize);
  }
  if (std::memcmp(index.data, kMagic.data(), kMagic.size()) != 0) {
    fail(ExitCode::data,
         "{}: the file does not start with MMIDIDX, so it is no Megatron index; remove it or "
         "prepare the data again",
         name);
  }
  const auto version = load<std::uint64_t>(index, kVersionAt);
  if (version != 1) {
    fail(ExitCode::data, "{}: index version {} is not supported; write the data as version 1", name,
         version);
  }
  const auto code = load<std::uint8_t>(index, kTypeAt);
  const std::optional<TokenType> type = token_type_of_code(code);
  if (!type) {
    fail(ExitCode::data,
         "{}: type code {} is none of 1 (u8), 2 (i8), 3 (i16), 4 (i32), 5 (i64) and 8 (u16); "
         "write the token ids as one of these",
         name, code);
  }

  // The counts come from the file: compare by division, a product of them could overflow.
  const auto sequences = load<std::uint64_t>(index, kSequenceCountAt);
  const auto boundaries = load<std::uint64_t>(index, kBoundaryCountAt);
  const std::size_t body = index.size - kHeaderSize;
  const bool sequences_fit = sequences <= body / kBytesPerSequence;
  const std::size_t boundary_bytes = sequences_fit ? body - sequences * kBytesPerSequence : 0;
  if (!sequences_fit || boundary_bytes % sizeof(std::int64_t) != 0 ||
      boundaries != boundary_bytes / sizeof(std::int64_t)) {
    fail(ExitCode::data,
         "{}: its header announces {} sequences and {} document boundaries, which is not what its "
         "{} bytes hold; the file is truncated or damaged, copy or prepare it again",
         name, sequences, boundaries, index.size);
  }
  sequence_count_ = static_cast<std::int64_t>(sequences);
  boundary_count_ = static_cast<std::int64_t>(boundaries);

  const ByteSpan bin = bin_.bytes();
  if (bin.size % token_size(*type) != 0) {
    fail(ExitCode::data,
         "{}: its {} bytes are no multiple of the {} bytes of a token id; the file is truncated, "
         "copy or prepare it again",
         bin_.path().string(), bin.size, token_size(*type));
  }
  tokens_ = TokenArray{bin_.path().string(), 0, *type, bin.data,
                       static_cast<std::int64_t>(bin.size / token_size(*type))};
}

void IndexedFile::check_sequences() const {
  const std::int64_t token_bytes = static_cast<std::int64_t>(token_size(tokens_.type));
  for (std::int64_t s = 0; s < sequence_count_; ++s) {
    const std::int64_t length = sequence_length(s);
    const std::int64_t offset = sequence_offset(s);
    if (length < 0 || offset < 0 || offset % token_bytes != 0 ||
        offset / token_bytes > tokens_.count || length > tokens_.count - offset / token_bytes) {
      fail(ExitCode::data,
           "{}: sequence {} claims {} tokens at byte offset {}, which is no place in the {} "
           "tokens of {}; one of the two files is truncated or damaged, copy or prepare both again",
           index_.path().string(), s, length, offset, tokens_.count, tokens_.path);
    }
  }
}

void IndexedFile::add_documents() {
  std::int64_t begin = 0;
  for (std::int64_t d = 0; d < boundary_count_; ++d) {
    const std::int64_t end = boundary(d);
    if (end < begin || end > sequence_count_ || (d == 0 && end != 0)) {
      fail(ExitCode::data,
           "{}: document boundary {} is {}, but boundaries rise from 0 to the {} sequences; the "
           "file is damaged, copy or prepare it again",
           index_.path().string(), d, end, sequence_count_);
    }
    std::int64_t length = 0;
    for (std::int64_t s = begin; s < end; ++s) length += sequence_length(s);
    if (length > 0) {
      add_document(length);
      first_sequences_.push_back(begin);
    } else if (d > 0) {
      ++empty_documents_;
    }
    begin = end;
  }
  if (begin != sequence_count_) {
    fail(ExitCode::data,
         "{}: the document boundaries end at sequence {} of {}; the file is damaged, copy or "
         "prepare it again",
         index_.path().string(), begin, sequence_count_);
  }
  if (size() == 0) {
    fail(ExitCode::data, "{}: there is no token in it; prepare it from a text that is not empty",
         tokens_.path);
  }
}

void IndexedFile::read(std::int64_t document, std::int64_t first, std::int64_t count,
                       std::int64_t* out) const {
  HGNN_MOE_ASSERT(document >= 0 && document < size() && first >= 0 && count >= 0 &&
                      first <= length(document) - count,
                  "{}: tokens {} + {} of document {}", tokens_.path, first, count, document);
  const std::int64_t token_bytes = static_cast<std::int64_t>(token_size(tokens_.type));
  for (std::int64_t s = first_sequences_[document]; count > 0; ++s) {
    const std::int64_t length = sequence_length(s);
    const std::int64_t skipped = std::min(first, length);
    const std::int64_t taken = std::min(count, length - skipped);
    read_tokens(tokens_, sequence_offset(s) / token_bytes + skipped, taken, out);
    first -= skipped;
    count -= taken;
    out += taken;
  }
}

std::int64_t IndexedFile::sequence_length(std::int64_t sequence) const {
  return load<std::int32_t>(index_.bytes(), kHeaderSize + sequence * sizeof(std::int32_t));
}

std::int64_t IndexedFile::sequence_offset(std::int64_t sequence) const {
  return load<std::int64_t>(index_.bytes(), kHeaderSize + sequence_count_ * sizeof(std::int32_t) +
                                                sequence * sizeof(std::int64_t));
}

std::int64_t IndexedFile::boundary(std::int64_t document) const {
  return load<std::int64_t>(index_.bytes(), kHeaderSize + sequence_count_ * kBytesPerSequence +
                                                document * sizeof(std::int64_t));
}

}  // namespace hgnn_moe::data
