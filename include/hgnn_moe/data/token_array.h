// A run of token ids of one integer type inside a memory-mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hgnn_moe/base/hash.h"

namespace hgnn_moe::data {

enum class TokenType { u8, i8, u16, i16, u32, i32, i64 };

std::size_t token_size(TokenType type);  // bytes

// NumPy's names, as dataset.json has them: "uint16" for u16. nullopt for any other.
std::string_view name_of(TokenType type);
std::optional<TokenType> token_type_named(std::string_view name);

// A view: whoever mapped the file keeps it mapped. `bytes` need not be aligned.
struct TokenArray {
  std::string path;        // named in errors
  std::size_t offset = 0;  // of the first token in the file, in bytes
  TokenType type = TokenType::u16;
  const std::byte* bytes = nullptr;
  std::int64_t count = 0;
};

// Widens tokens [first, first + count) into out[0, count).
void read_tokens(const TokenArray& tokens, std::int64_t first, std::int64_t count,
                 std::int64_t* out);

// Throws Error(data) with file, byte offset and id unless 0 <= id < vocab_size for every token.
// Adds the bytes to `hash` in the same pass: a file larger than memory is read from disk once.
void check_and_hash_tokens(const TokenArray& tokens, std::int64_t vocab_size, Xxh3& hash);

}  // namespace hgnn_moe::data
