#include "hgnn_moe/kg/load_graph.h"

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe::kg {
namespace {

namespace fs = std::filesystem;
using testing::data_error;

class LoadGraphTest : public ::testing::Test {
 protected:
  fs::path put(const std::string& name, const std::string& text) {
    put_file(folder_ / name, text);
    return folder_ / name;
  }

  LoadedFiles load() { return load_graph(find_graph_files(folder_.path()), cache()); }
  fs::path cache() const { return folder_ / "cache"; }
  fs::path cache_file() const { return cache() / names_in(cache()).at(0); }

  TemporaryFolder folder_;
};

TEST_F(LoadGraphTest, FindsTheFilesOfEachFormat) {
  put("train.txt", "a\tr\tb\n");
  put("test.txt", "b\tr\ta\n");
  GraphFiles found = find_graph_files(folder_.path());
  EXPECT_EQ(found.format, GraphFormat::triples);
  EXPECT_EQ(found.files, (std::vector<fs::path>{folder_ / "train.txt", folder_ / "test.txt"}));
  put("nodes.tsv", "");
  put("edges.sif.gz", "");
  found = find_graph_files(folder_.path());
  EXPECT_EQ(found.format, GraphFormat::hetionet);
  EXPECT_EQ(found.files, (std::vector<fs::path>{folder_ / "nodes.tsv", folder_ / "edges.sif.gz"}));
  EXPECT_EQ(find_graph_files(folder_ / "edges.sif.gz").files, found.files);
  EXPECT_EQ(find_graph_files(folder_ / "nodes.tsv").files, found.files) << "no triples";
  put("kg.csv", "");
  EXPECT_EQ(find_graph_files(folder_.path()).format, GraphFormat::primekg);
  EXPECT_EQ(find_graph_files(folder_ / "train.txt").files.size(), 1u);
}

TEST_F(LoadGraphTest, SaysWhatItLooksFor) {
  EXPECT_TRUE(contains(data_error([&] { find_graph_files(folder_.path()); }),
                       "there is no graph in '" + folder_.path().string() + "'"));
  EXPECT_TRUE(contains(data_error([&] { find_graph_files(folder_ / "none"); }), "there is no '"));
  EXPECT_TRUE(contains(data_error([&] { find_graph_files(put("a.zip", "")); }), "no known kind"));
  EXPECT_TRUE(contains(data_error([&] { find_graph_files(put("a.sif", "")); }), "nodes.tsv"));
  put("nodes.tsv", "");
  put("b.sif.gz", "");
  EXPECT_TRUE(contains(data_error([&] { find_graph_files(folder_.path()); }), "holds 2 files"));
}

TEST_F(LoadGraphTest, TheSecondTimeItComesFromTheCache) {
  put("train.txt", "a\tr\tb\n");
  put("valid.txt", "b\tr\tc\n");
  const LoadedFiles first = load();
  EXPECT_FALSE(first.from_cache);
  EXPECT_TRUE(first.notes.empty());
  const LoadedFiles second = load();
  EXPECT_TRUE(second.from_cache);
  EXPECT_TRUE(second.notes.empty());
  ASSERT_EQ(second.parts.size(), 2u);
  for (int p : {0, 1}) {
    EXPECT_EQ(testing::dump(second.parts[p].graph), testing::dump(first.parts[p].graph));
    EXPECT_EQ(to_json(second.parts[p].report), to_json(first.parts[p].report));
  }
  EXPECT_EQ(names_in(cache()),
            (std::vector<std::string>{"graph-" + first.content_hash + ".safetensors"}));
}

TEST_F(LoadGraphTest, AChangedFileIsReadAgain) {
  put("train.txt", "a\tr\tb\n");
  load();
  put("train.txt", "a\tr\tc\n");
  const LoadedFiles changed = load();
  EXPECT_FALSE(changed.from_cache);
  EXPECT_EQ(changed.parts[0].graph.node_ids[1], "c");
}

TEST_F(LoadGraphTest, TheHashKnowsWhichFileATextIsIn) {
  put("train.txt", "a\tr\tb\nb\tr\tc\n");
  put("valid.txt", "c\tr\ta\n");
  const std::string before = load().content_hash;
  put("train.txt", "a\tr\tb\n");
  put("valid.txt", "b\tr\tc\nc\tr\ta\n");
  EXPECT_NE(load().content_hash, before);
}

TEST_F(LoadGraphTest, ADamagedCacheIsMadeAgainWithANote) {
  put("train.txt", "a\tr\tb\n");
  load();
  const std::string whole = read_text_file(cache_file(), ExitCode::data);
  std::string damaged = whole;
  damaged[damaged.size() - 1] ^= 1;
  put_file(cache_file(), damaged);
  const LoadedFiles again = load();
  EXPECT_FALSE(again.from_cache);
  ASSERT_EQ(again.notes.size(), 1u);
  EXPECT_TRUE(contains(again.notes[0], "its checksum is wrong")) << again.notes[0];
  EXPECT_EQ(read_text_file(cache_file(), ExitCode::data), whole);
  EXPECT_TRUE(load().from_cache);
}

TEST_F(LoadGraphTest, ACacheThatCannotBeWrittenIsANote) {
  put("train.txt", "a\tr\tb\n");
  put("cache", "a file where the folder should be");
  const LoadedFiles loaded = load();
  EXPECT_EQ(loaded.parts[0].report.edges, 1);
  ASSERT_EQ(loaded.notes.size(), 1u);
  EXPECT_TRUE(contains(loaded.notes[0], "the graph is not cached"));
}

TEST_F(LoadGraphTest, WithoutAFolderThereIsNoCache) {
  put("train.txt", "a\tr\tb\n");
  const LoadedFiles loaded = load_graph(find_graph_files(folder_.path()), std::nullopt);
  EXPECT_EQ(loaded.parts[0].report.edges, 1);
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"train.txt"}));
}

TEST_F(LoadGraphTest, ReportsNameTheFilesOfToday) {
  const fs::path train = put("train.txt", "a\tr\tb\n");
  load();
  fs::rename(train, folder_ / "renamed.txt");
  const LoadedFiles renamed = load_graph(find_graph_files(folder_ / "renamed.txt"), cache());
  EXPECT_TRUE(renamed.from_cache);
  EXPECT_EQ(renamed.parts[0].report.file, (folder_ / "renamed.txt").string());
}

}  // namespace
}  // namespace hgnn_moe::kg
