#include "hgnn_moe/kg/graph_cache.h"

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json.h"
#include "hgnn_moe/kg/reverses.h"

namespace hgnn_moe::kg {
namespace {

using testing::data_error;

class GraphCacheTest : public ::testing::Test {
 protected:
  GraphCacheTest()
      : parts_(read_triples(
            {{"a\tr\tb\nb\tq\tc\na\tr\tc\n", "train.txt"}, {"c\tr\ta\n", "test.txt"}})) {}

  // As a new file: writing over an old one makes some file systems wait for the disk.
  void put(const std::string& bytes) const {
    std::filesystem::remove(path_);
    put_file(path_, bytes);
  }

  std::string bytes() const { return read_text_file(path_, ExitCode::data); }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "graph.safetensors";
  std::vector<LoadedGraph> parts_;
};

void expect_same(const std::vector<LoadedGraph>& actual, const std::vector<LoadedGraph>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t p = 0; p < expected.size(); ++p) {
    EXPECT_EQ(testing::dump(actual[p].graph), testing::dump(expected[p].graph));
    EXPECT_EQ(to_json(actual[p].report), to_json(expected[p].report));
  }
}

TEST_F(GraphCacheTest, GivesBackWhatWasWritten) {
  write_cache(path_, "key", parts_);
  expect_same(read_cache(path_, "key"), parts_);
}

TEST_F(GraphCacheTest, KeepsReversesDirectionsAndUnevenTexts) {
  const LoadedGraph loaded = testing::read_csv(
      testing::kPrimeKgHeader +
      "r,R,0,a,t,\xC3\xA4,s,1,b,u,,s2\nq,Q,0,a,t,\xC3\xA4,s,2,ccc,t,\"x\ny\",s\n");
  const std::vector<LoadedGraph> parts = {{with_reverses(loaded.graph).graph, loaded.report}};
  write_cache(path_, "key", parts);
  expect_same(read_cache(path_, "key"), parts);
}

TEST_F(GraphCacheTest, KeepsAnEmptyGraph) {
  const std::vector<LoadedGraph> empty = read_triples({{"", "train.txt"}});
  write_cache(path_, "key", empty);
  expect_same(read_cache(path_, "key"), empty);
}

TEST_F(GraphCacheTest, TheArraysOutliveTheFilesName) {
  write_cache(path_, "key", parts_);
  const std::vector<LoadedGraph> read = read_cache(path_, "key");
  std::filesystem::remove(path_);
  expect_same(read, parts_);
}

TEST_F(GraphCacheTest, EveryTruncationAndEveryFlippedBitIsRefused) {
  write_cache(path_, "key", parts_);
  const std::string whole = bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    put(whole.substr(0, size));
    EXPECT_THROW(read_cache(path_, "key"), Error) << size << " bytes";
  }
  int harmless = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] ^= 1;
    put(damaged);
    try {
      expect_same(read_cache(path_, "key"), parts_);
      ++harmless;  // such as a space of the header's padding that became a tab
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::data);
    }
  }
  EXPECT_LT(harmless, 16);
}

TEST_F(GraphCacheTest, AnotherKeyAndAnotherVersionAreRefused) {
  write_cache(path_, "key", parts_);
  EXPECT_TRUE(contains(data_error([&] { read_cache(path_, "other"); }), "made from other files"));
  std::string older = bytes();
  const std::string version = "\"version\":\"1\"";
  const std::size_t at = older.find(version);
  ASSERT_NE(at, std::string::npos);
  older.replace(at, version.size(), "\"version\":\"0\"");
  put(older);
  EXPECT_TRUE(contains(data_error([&] { read_cache(path_, "key"); }), "version 0, not 1"));
}

}  // namespace
}  // namespace hgnn_moe::kg
