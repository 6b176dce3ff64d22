#include "hgnn_moe/base/hash.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

// Longer than the 240 bytes up to which XXH3 takes other paths, and than its internal buffer.
std::string long_text() {
  std::string text;
  for (int i = 0; i < 5000; ++i) text.push_back(static_cast<char>(i * 31 % 251));
  return text;
}

TEST(Xxh3, PrintsTheCanonicalForm) {
  EXPECT_EQ(xxh3_hex(nullptr, 0), "99aa06d3014798d86001c324468d497f");  // as xxh128sum prints it
  EXPECT_EQ(Xxh3().hex(), "99aa06d3014798d86001c324468d497f");
}

TEST(Xxh3, PiecesGiveTheSameAsTheWhole) {
  const std::string text = long_text();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    Xxh3 hash;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      hash.update(text.data() + at, std::min(piece, text.size() - at));
    }
    EXPECT_EQ(hash.hex(), xxh3_hex(text.data(), text.size())) << piece;
  }
}

TEST(Xxh3, HexMayBeAskedOnTheWay) {
  Xxh3 hash;
  hash.update("ab", 2);
  EXPECT_EQ(hash.hex(), xxh3_hex("ab", 2));
  hash.update("c", 1);
  EXPECT_EQ(hash.hex(), xxh3_hex("abc", 3));
}

TEST(Xxh3, EveryBitCounts) {
  std::string text = long_text();
  const std::string original = xxh3_hex(text.data(), text.size());
  text[4321] = static_cast<char>(text[4321] ^ 1);
  EXPECT_NE(xxh3_hex(text.data(), text.size()), original);
}

TEST(Xxh3, HashesAFile) {
  const TemporaryFolder folder;
  const std::string text = long_text();
  put_file(folder / "long", text);
  put_file(folder / "empty", "");
  EXPECT_EQ(xxh3_hex_of_file(folder / "long", ExitCode::data), xxh3_hex(text.data(), text.size()));
  EXPECT_EQ(xxh3_hex_of_file(folder / "empty", ExitCode::data), xxh3_hex(nullptr, 0));
  const std::string message =
      message_of_error(ExitCode::data, [&] { xxh3_hex_of_file(folder / "none", ExitCode::data); });
  EXPECT_TRUE(contains(message, "none")) << message;
}

// The vectors that its authors publish.
TEST(Fnv1a, IsTheCanonicalFunction) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325u);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8u);
}

}  // namespace
}  // namespace hgnn_moe
