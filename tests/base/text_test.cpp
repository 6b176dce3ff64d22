#include "hgnn_moe/base/text.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

TEST(Text, EditDistance) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("lenght", "length"), 1u);  // a swap is one edit
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);         // but no character is edited twice
}

TEST(Text, ClosestMatch) {
  const std::vector<std::string> names = {"num_layers", "num_heads", "num_experts", "epochs"};
  EXPECT_EQ(closest_match("num_expert", names), "num_experts");
  EXPECT_EQ(closest_match("num_hedas", names), "num_heads");
  EXPECT_EQ(closest_match("epochs", names), "epochs");
  EXPECT_EQ(closest_match("temperature", names), std::nullopt);
  EXPECT_EQ(closest_match("", names), std::nullopt);
  EXPECT_EQ(closest_match("x", {}), std::nullopt);
}

TEST(Text, ClosestMatchTakesTheFirstOfEquals) {
  EXPECT_EQ(closest_match("seat", {"seal", "beat"}), "seal");
}

TEST(Text, ClosestMatchOfAShortWordAllowsOneEdit) {
  EXPECT_EQ(closest_match("ab", {"abc"}), "abc");
  EXPECT_EQ(closest_match("ab", {"abcd"}), std::nullopt);
}

TEST(Text, Join) {
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(join({"a"}, ", "), "a");
  EXPECT_EQ(join({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(first_few({"a", "b", "c"}), "a, b, c");
  EXPECT_EQ(first_few({"a", "b", "c", "d", "e"}), "a, b, c and 2 more");
}

TEST(Text, FormatBytes) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes((1u << 20) - 1), "1.0 MiB");  // never "1024.0 KiB"
  EXPECT_EQ(format_bytes(25125558682), "23.4 GiB");
  EXPECT_EQ(format_bytes(std::numeric_limits<std::uint64_t>::max()), "16.0 EiB");
}

TEST(Text, ParseBytes) {
  EXPECT_EQ(parse_bytes("512"), 512);
  EXPECT_EQ(parse_bytes("512B"), 512);
  EXPECT_EQ(parse_bytes("3GB"), 3'000'000'000);
  EXPECT_EQ(parse_bytes("3 gb"), 3'000'000'000);
  EXPECT_EQ(parse_bytes("2.5GiB"), 2'684'354'560);
  EXPECT_EQ(parse_bytes("1.5KB"), 1500);
  EXPECT_EQ(parse_bytes("700MiB"), 700LL << 20);
  EXPECT_EQ(parse_bytes("2TiB"), 2LL << 40);
  for (const char* text : {"", "GB", ".", "3G", "3iB", "3XB", "-1GB", "1e9", "3GB2", "3 G B", "0",
                           "0.2", "1.2.3", "9999999999TB", "nan"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
  }
}

TEST(Text, FormatDuration) {
  EXPECT_EQ(format_duration(0), "0.0 s");
  EXPECT_EQ(format_duration(0.44), "0.4 s");
  EXPECT_EQ(format_duration(9.96), "10 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.6), "1 min 00 s");
  EXPECT_EQ(format_duration(185), "3 min 05 s");
  EXPECT_EQ(format_duration(3600), "1 h 00 min");
  EXPECT_EQ(format_duration(7659), "2 h 07 min");
  EXPECT_EQ(format_duration(3 * 86400 + 4 * 3600 + 59), "3 d 04 h");
}

TEST(Text, FormatDurationOfWhatIsNone) {
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(std::nan("")), "?");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "?");
}

}  // namespace
}  // namespace hgnn_moe
