#include "hgnn_moe/data/token_array.h"

#include <gtest/gtest.h>

#include "tests/data/data_files.h"

namespace hgnn_moe::data {
namespace {

using testing::bytes_of;
using testing::Document;
using testing::expect_error;

// A view of `bytes` as a file "f.bin" whose tokens start at byte `offset`.
TokenArray view(const std::string& bytes, TokenType type, std::size_t offset = 0) {
  TokenArray tokens;
  tokens.path = "f.bin";
  tokens.offset = offset;
  tokens.type = type;
  tokens.bytes = reinterpret_cast<const std::byte*>(bytes.data()) + offset;
  tokens.count = static_cast<std::int64_t>((bytes.size() - offset) / token_size(type));
  return tokens;
}

Document read_all(const TokenArray& tokens) {
  Document ids(tokens.count);
  read_tokens(tokens, 0, tokens.count, ids.data());
  return ids;
}

TEST(TokenArray, EveryTypeHasNumPysName) {
  EXPECT_EQ(name_of(TokenType::u16), "uint16");
  for (const TokenType type : {TokenType::u8, TokenType::i8, TokenType::u16, TokenType::i16,
                               TokenType::u32, TokenType::i32, TokenType::i64}) {
    EXPECT_EQ(token_type_named(name_of(type)), type);
  }
  for (const char* name : {"", "float32", "uint64", "<u2", "UINT16"}) {
    EXPECT_EQ(token_type_named(name), std::nullopt) << name;
  }
}

TEST(TokenArray, WidensEveryType) {
  EXPECT_EQ(read_all(view(bytes_of<std::uint8_t>(Document{0, 255}), TokenType::u8)),
            (Document{0, 255}));
  EXPECT_EQ(read_all(view(bytes_of<std::int8_t>(Document{-1, 127}), TokenType::i8)),
            (Document{-1, 127}));
  EXPECT_EQ(read_all(view(bytes_of<std::uint16_t>(Document{0, 65535}), TokenType::u16)),
            (Document{0, 65535}));
  EXPECT_EQ(read_all(view(bytes_of<std::int16_t>(Document{-2, 32767}), TokenType::i16)),
            (Document{-2, 32767}));
  EXPECT_EQ(read_all(view(bytes_of<std::uint32_t>(Document{0, 4294967295}), TokenType::u32)),
            (Document{0, 4294967295}));
  EXPECT_EQ(read_all(view(bytes_of<std::int32_t>(Document{-3, 128000}), TokenType::i32)),
            (Document{-3, 128000}));
  EXPECT_EQ(read_all(view(bytes_of<std::int64_t>(Document{-4, 1LL << 40}), TokenType::i64)),
            (Document{-4, 1LL << 40}));
}

TEST(TokenArray, ReadsUnalignedParts) {
  const std::string bytes = "x" + bytes_of<std::uint32_t>(Document{10, 20, 30, 40});
  const TokenArray tokens = view(bytes, TokenType::u32, 1);
  Document ids(2);
  read_tokens(tokens, 1, 2, ids.data());
  EXPECT_EQ(ids, (Document{20, 30}));
}

TEST(TokenArray, AssertsTheRange) {
  const std::string bytes = bytes_of<std::uint16_t>(Document{1, 2, 3});
  std::int64_t out[4];
  EXPECT_THROW(read_tokens(view(bytes, TokenType::u16), 1, 3, out), InternalError);
  EXPECT_THROW(read_tokens(view(bytes, TokenType::u16), -1, 1, out), InternalError);
}

TEST(TokenArray, AcceptsTheWholeVocabularyAndNothingAbove) {
  const std::string bytes = bytes_of<std::uint16_t>(Document{0, 99});
  Xxh3 hash;
  check_and_hash_tokens(view(bytes, TokenType::u16), 100, hash);
  EXPECT_EQ(hash.hex(), xxh3_hex(bytes.data(), bytes.size()));
  expect_error(ExitCode::data, {"f.bin", "id 99", "offset 2", "vocab_size 99"},
               [&] { check_and_hash_tokens(view(bytes, TokenType::u16), 99, hash); });
}

TEST(TokenArray, NamesTheFirstBadIdInALaterBlock) {
  Document ids(50000, 7);
  ids[40001] = 500;
  ids[40002] = 501;
  const std::string bytes = std::string(8, '\0') + bytes_of<std::int32_t>(ids);
  Xxh3 hash;
  expect_error(ExitCode::data,
               {"f.bin", "token id 500 ", "offset " + std::to_string(8 + 4 * 40001), "100"},
               [&] { check_and_hash_tokens(view(bytes, TokenType::i32, 8), 100, hash); });
}

TEST(TokenArray, RefusesNegativeIds) {
  Xxh3 hash;
  const std::string bytes = bytes_of<std::int64_t>(Document{5, -1});
  expect_error(ExitCode::data, {"token id -1", "offset 8"},
               [&] { check_and_hash_tokens(view(bytes, TokenType::i64), 100, hash); });
}

}  // namespace
}  // namespace hgnn_moe::data
