#include "hgnn_moe/data/token_array.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::data {
namespace {

// Small enough for the copy, the check and the hash to find the block in the cache.
constexpr std::int64_t kBlockTokens = 1 << 14;

// Calls visit with a value of the C++ type that `type` names.
template <typename Visit>
auto with_token_type(TokenType type, Visit visit) {
  switch (type) {
    case TokenType::u8:
      return visit(std::uint8_t{});
    case TokenType::i8:
      return visit(std::int8_t{});
    case TokenType::u16:
      return visit(std::uint16_t{});
    case TokenType::i16:
      return visit(std::int16_t{});
    case TokenType::u32:
      return visit(std::uint32_t{});
    case TokenType::i32:
      return visit(std::int32_t{});
    case TokenType::i64:
      return visit(std::int64_t{});
  }
  throw InternalError("unknown token type");
}

struct NamedType {
  TokenType type;
  std::string_view name;
};

constexpr NamedType kNamedTypes[] = {
    {TokenType::u8, "uint8"},  {TokenType::i8, "int8"},    {TokenType::u16, "uint16"},
    {TokenType::i16, "int16"}, {TokenType::u32, "uint32"}, {TokenType::i32, "int32"},
    {TokenType::i64, "int64"},
};

[[noreturn]] void fail_on_id(const TokenArray& tokens, std::int64_t index, std::int64_t id,
                             std::int64_t vocab_size) {
  fail(ExitCode::data,
       "{}: the token id {} at byte offset {} is outside the vocabulary (ids 0 to {}, vocab_size "
       "{}); give the vocab_size of the tokenizer that wrote the file, or prepare the data again",
       tokens.path, id, tokens.offset + index * token_size(tokens.type), vocab_size - 1,
       vocab_size);
}

template <typename Token>
void check_and_hash(const TokenArray& tokens, std::int64_t vocab_size, Xxh3& hash) {
  std::vector<Token> block(std::min(tokens.count, kBlockTokens));
  for (std::int64_t first = 0; first < tokens.count; first += kBlockTokens) {
    const std::int64_t count = std::min(kBlockTokens, tokens.count - first);
    std::memcpy(block.data(), tokens.bytes + first * sizeof(Token), count * sizeof(Token));
    hash.update(block.data(), count * sizeof(Token));
    Token lowest = block[0];
    Token highest = block[0];
    for (std::int64_t i = 0; i < count; ++i) {
      lowest = std::min(lowest, block[i]);
      highest = std::max(highest, block[i]);
    }
    if (static_cast<std::int64_t>(lowest) >= 0 && static_cast<std::int64_t>(highest) < vocab_size) {
      continue;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t id = static_cast<std::int64_t>(block[i]);
      if (id < 0 || id >= vocab_size) fail_on_id(tokens, first + i, id, vocab_size);
    }
  }
}

}  // namespace

std::size_t token_size(TokenType type) {
  return with_token_type(type, [](auto token) { return sizeof(token); });
}

std::string_view name_of(TokenType type) {
  for (const NamedType& named : kNamedTypes) {
    if (named.type == type) return named.name;
  }
  throw InternalError("unknown token type");
}

std::optional<TokenType> token_type_named(std::string_view name) {
  for (const NamedType& named : kNamedTypes) {
    if (named.name == name) return named.type;
  }
  return std::nullopt;
}

void read_tokens(const TokenArray& tokens, std::int64_t first, std::int64_t count,
                 std::int64_t* out) {
  HGNN_MOE_ASSERT(first >= 0 && count >= 0 && first <= tokens.count - count,
                  "{}: tokens {} + {} of {}", tokens.path, first, count, tokens.count);
  with_token_type(tokens.type, [&](auto token) {
    const std::byte* source = tokens.bytes + first * sizeof(token);
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(&token, source + i * sizeof(token), sizeof(token));
      out[i] = static_cast<std::int64_t>(token);
    }
  });
}

void check_and_hash_tokens(const TokenArray& tokens, std::int64_t vocab_size, Xxh3& hash) {
  with_token_type(tokens.type,
                  [&](auto token) { check_and_hash<decltype(token)>(tokens, vocab_size, hash); });
}

}  // namespace hgnn_moe::data
