#include "hgnn_moe/data/flat_file.h"

#include <gtest/gtest.h>

#include "tests/data/data_files.h"

namespace hgnn_moe::data {
namespace {

using testing::append;
using testing::bytes_of;
using testing::Document;
using testing::expect_error;
using testing::llmc_bytes;
using testing::npy_bytes;
using testing::TemporaryFolder;
using testing::write_bytes;

const Document kTokens = {11, 0, 50256, 7};

class FlatFileTest : public ::testing::Test {
 protected:
  void expect_tokens(const std::string& name, const std::string& bytes, const std::string& format,
                     const Document& expected) {
    write_bytes(folder_ / name, bytes);
    const FlatFile file(folder_ / name);
    EXPECT_EQ(file.format(), format);
    ASSERT_EQ(file.size(), static_cast<std::int64_t>(expected.size()));
    Document all(expected.size());
    file.read(0, file.size(), all.data());
    EXPECT_EQ(all, expected);
    std::int64_t last = 0;
    file.read(file.size() - 1, 1, &last);
    EXPECT_EQ(last, expected.back());
  }

  void expect_refused(const std::string& name, const std::string& bytes,
                      std::vector<std::string> fragments) {
    write_bytes(folder_ / name, bytes);
    fragments.push_back(name);
    expect_error(ExitCode::data, fragments, [&] { FlatFile file(folder_ / name); });
  }

  TemporaryFolder folder_;
};

TEST_F(FlatFileTest, ReadsNanoGpt) {
  expect_tokens("train.bin", bytes_of<std::uint16_t>(kTokens), "nanoGPT", kTokens);
  expect_tokens("one.bin", bytes_of<std::uint16_t>(Document{9}), "nanoGPT", {9});
}

TEST_F(FlatFileTest, RefusesEmptyAndOddNanoGptFiles) {
  expect_refused("train.bin", "", {"no token"});
  expect_refused("train.bin", "abc", {"3 bytes", "multiple"});
}

TEST_F(FlatFileTest, ReadsLlmc) {
  expect_tokens("train.bin", llmc_bytes(kTokens), "llm.c", kTokens);
}

TEST_F(FlatFileTest, RefusesLlmcFilesThatContradictTheirHeader) {
  const std::string good = llmc_bytes(kTokens);
  expect_refused("train.bin", good.substr(0, 1023), {"1023 bytes", "header"});
  expect_refused("train.bin", good.substr(0, good.size() - 1), {"4 tokens", "7 bytes"});
  expect_refused("train.bin", good + "xx", {"4 tokens", "10 bytes"});
  expect_refused("train.bin", llmc_bytes(kTokens, 20240520, 2), {"version 2"});
  expect_refused("train.bin", llmc_bytes(kTokens, 20240801, 7), {"20240801", "not supported"});
  expect_refused("train.bin", llmc_bytes({}), {"no token"});
  std::string negative = good;
  std::string count;
  append(count, std::int32_t{-4});
  expect_refused("train.bin", negative.replace(8, 4, count), {"-4 tokens"});
}

TEST_F(FlatFileTest, ReadsEveryNpyType) {
  expect_tokens("a.npy", npy_bytes("<u2", "(4,)", bytes_of<std::uint16_t>(kTokens)), "npy",
                kTokens);
  const Document large = {11, 0, 150256, 7};
  expect_tokens("b.npy", npy_bytes("<u4", "(4,)", bytes_of<std::uint32_t>(large)), "npy", large);
  expect_tokens("c.npy", npy_bytes("<i4", "(4,)", bytes_of<std::int32_t>(large)), "npy", large);
  expect_tokens("d.npy", npy_bytes("<i8", "(4,)", bytes_of<std::int64_t>(large)), "npy", large);
}

TEST_F(FlatFileTest, RefusesOtherNpyArrays) {
  const std::string payload = bytes_of<std::uint16_t>(kTokens);
  expect_refused("a.npy", npy_bytes("<u2", "(2, 2)", payload), {"2 dimensions"});
  expect_refused("a.npy", npy_bytes("<f4", "(2,)", payload), {"real numbers"});
  expect_refused("a.npy", npy_bytes("<u2", "(0,)", ""), {"no token"});
  const std::string good = npy_bytes("<u2", "(4,)", payload);
  for (std::size_t size = 0; size < good.size(); ++size) {
    expect_refused("a.npy", good.substr(0, size), {});
  }
}

TEST_F(FlatFileTest, HeaderAndTokensAreTheWholeFile) {
  write_bytes(folder_ / "train.bin", llmc_bytes(kTokens));
  const FlatFile file(folder_ / "train.bin");
  EXPECT_EQ(file.header_bytes().size, 1024u);
  EXPECT_EQ(file.tokens().bytes, file.header_bytes().data + 1024);
}

}  // namespace
}  // namespace hgnn_moe::data
