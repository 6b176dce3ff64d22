// Against bytes that the tensorboard package 2.21 writes for the same events.
#include "hgnn_moe/base/event_record.h"

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

std::string hex(const std::string& bytes) {
  static const char* digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += {digits[byte >> 4], digits[byte & 15]};
  }
  return text;
}

// RFC 3720, appendix B.4.
TEST(EventRecord, Crc32cOfThePublishedVectors) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  std::string ascending;
  for (char c = 0; c < 32; ++c) ascending.push_back(c);
  EXPECT_EQ(crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
}

TEST(EventRecord, OfTheFileVersion) {
  EXPECT_EQ(hex(version_record(1700000000.25)),
            "1800000000000000a37f4b22"
            "0900001040fc54d9411a0d627261696e2e4576656e743a32"
            "338d2fe9");
}

TEST(EventRecord, OfARestart) {
  EXPECT_EQ(hex(restart_record(1700000000.25)),
            "0d000000000000003c37b834"
            "0900001040fc54d9413a020801"
            "8c8e54cd");
}

// The step takes two bytes.
TEST(EventRecord, OfScalars) {
  EXPECT_EQ(hex(scalar_record(1700000001.5, 300,
                              {{"train/loss", 0.1}, {"layer0/hyperedge_weight/3", -2.0}})),
            "4300000000000000b18525a0"
            "0900006040fc54d94110ac022a35"
            "0a110a0a747261696e2f6c6f737315cdcccc3d"
            "0a200a196c61796572302f6879706572656467655f7765696768742f3315000000c0"
            "8ef5d2a9");
}

}  // namespace
}  // namespace hgnn_moe
