// Real graphs of ../shared/data/kg beside the checkout; skipped without them.
#include <filesystem>
#include <set>

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

#include "hgnn_moe/kg/load_graph.h"
#include "hgnn_moe/kg/reverses.h"

namespace hgnn_moe::kg {
namespace {

namespace fs = std::filesystem;

class RealDataTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::is_directory(folder_)) GTEST_SKIP() << "there is no " << folder_;
  }

  LoadedFiles load(const char* name) const {
    return load_graph(find_graph_files(folder_ / name), std::nullopt);
  }

  const fs::path folder_ = fs::path(HGNN_MOE_SOURCE_DIR) / "../shared/data/kg";
};

TEST_F(RealDataTest, Hetionet) {
  const LoadedFiles loaded = load("hetionet-5k");
  const LoadReport& report = loaded.parts.at(0).report;
  EXPECT_EQ(report.rows, 99676);
  EXPECT_EQ(report.edges, 99676);
  EXPECT_EQ(report.nodes, 47031);
  EXPECT_EQ(report.nodes - report.isolated, 26574);
  EXPECT_EQ(report.node_types.size(), 11u);
  EXPECT_EQ(report.relations.size(), 24u);
  const ReversedGraph reversed = with_reverses(loaded.parts[0].graph);
  EXPECT_EQ(find_fault(reversed.graph), "");
  int symmetric = 0;
  for (const ReverseNote& note : reversed.notes) symmetric += note.kind == ReverseKind::symmetric;
  EXPECT_EQ(symmetric, 4) << "CrC, DrD, GcG and GiG; Gr>G is directed";
  EXPECT_EQ(reversed.graph.relations.size(), 44u);
}

TEST_F(RealDataTest, Umls) {
  const LoadedFiles loaded = load("umls");
  ASSERT_EQ(loaded.parts.size(), 3u);
  const std::int64_t edges[] = {5216, 652, 661};
  for (int p : {0, 1, 2}) {
    const LoadReport& report = loaded.parts[p].report;
    EXPECT_EQ(report.edges, edges[p]);
    EXPECT_EQ(report.duplicates, 0);
    EXPECT_EQ(report.in_earlier_files, 0);
    EXPECT_EQ(report.nodes, 135);
    EXPECT_EQ(report.relations.size(), 46u);
  }
}

}  // namespace
}  // namespace hgnn_moe::kg
