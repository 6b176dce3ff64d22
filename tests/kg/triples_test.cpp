#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

#include "hgnn_moe/kg/readers.h"

namespace hgnn_moe::kg {
namespace {

using testing::data_error;
using testing::edges_of;
using testing::read_tsv;
using Strings = std::vector<std::string>;

TEST(TriplesTest, PartsShareNodesAndRelations) {
  const std::vector<LoadedGraph> parts = read_triples({{"a\tr\tb\nb\tq\tc\n", "train.txt"},
                                                       {"c\tr\ta\r\na\tr\tb", "valid.txt"},
                                                       {"d\tp\ta\n", "test.txt"}});
  ASSERT_EQ(parts.size(), 3u);
  for (const LoadedGraph& part : parts) {
    EXPECT_EQ(part.graph.node_count(), 4);
    ASSERT_EQ(part.graph.relations.size(), 3u);
    EXPECT_EQ(part.graph.relations[2].name, "p");
    EXPECT_EQ(part.graph.node_ids.bytes.data(), parts[0].graph.node_ids.bytes.data()) << "shared";
    EXPECT_EQ(find_fault(part.graph), "");
  }
  EXPECT_EQ(edges_of(parts[0].graph),
            (Strings{"(entity, r, entity) a>b", "(entity, q, entity) b>c"}));
  EXPECT_EQ(edges_of(parts[1].graph),
            (Strings{"(entity, r, entity) c>a", "(entity, r, entity) a>b"}));
  EXPECT_EQ(edges_of(parts[2].graph), (Strings{"(entity, p, entity) d>a"}));
  EXPECT_EQ(parts[0].report.isolated, 1);
  EXPECT_EQ(parts[1].report.rows, 2);
  EXPECT_EQ(parts[1].report.in_earlier_files, 1);
  EXPECT_EQ(parts[2].report.in_earlier_files, 0);
  EXPECT_EQ(parts[2].report.file, "test.txt");
}

TEST(TriplesTest, CountsDuplicatesLoopsAndBlankLines) {
  const LoadedGraph loaded = read_tsv("a\tr\tb\n\na\tr\tb\nb\tr\tb\n\"a\"\tr\tb\n");
  EXPECT_EQ(loaded.report.rows, 4);
  EXPECT_EQ(loaded.report.edges, 3) << "quotes are part of a name";
  EXPECT_EQ(loaded.report.duplicates, 1);
  EXPECT_EQ(loaded.report.self_loops, 1);
  EXPECT_EQ(loaded.report.blank_lines, 1);
}

TEST(TriplesTest, TellsAllErrors) {
  const std::string message =
      data_error([] { read_tsv("a\tr\tb\na b c\na\tr\tb\tc\n\tr\tb\na\t\tb\na\tr\t\xC3\n"); });
  EXPECT_TRUE(contains(message, "train.txt, line 2: there are 1 fields"));
  EXPECT_TRUE(contains(message, "line 3: there are 4 fields"));
  EXPECT_TRUE(contains(message, "line 4: the head is empty"));
  EXPECT_TRUE(contains(message, "line 5: the relation is empty"));
  EXPECT_TRUE(contains(message, "line 6: the tail '?' is not UTF-8"));
}

TEST(TriplesTest, TakesUtf8Alone) {
  const auto named = [](const std::string& name) { return name + "\tr\tb\n"; };
  for (const char* good :
       {"\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(read_tsv(named(good)).graph.node_ids[0], good);
  }
  for (const char* bad :
       {"\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE1\x80",
        "\xE1\x80\x41", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80"}) {
    EXPECT_TRUE(contains(data_error([&] { read_tsv(named(bad)); }), "is not UTF-8"));
  }
}

TEST(TriplesTest, AnEmptyFileIsAnEmptyGraph) {
  EXPECT_EQ(read_tsv("").graph.node_count(), 0);
  EXPECT_EQ(read_tsv("\n\n").report.blank_lines, 2);
}

TEST(TriplesTest, ManyNodesKeepTheirEdges) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += fmt::format("n{}\tr\tn{}\n", i, (i * 7 + 1) % 5000);
  const LoadedGraph loaded = read_tsv(text);
  EXPECT_EQ(loaded.report.nodes, 5000);
  EXPECT_EQ(loaded.report.edges, 5000);
  for (const Edge& edge : loaded.graph.relations[0].edges) {
    const int head = std::stoi(std::string(loaded.graph.node_ids[edge.head].substr(1)));
    const int tail = std::stoi(std::string(loaded.graph.node_ids[edge.tail].substr(1)));
    ASSERT_EQ(tail, (head * 7 + 1) % 5000);
  }
}

}  // namespace
}  // namespace hgnn_moe::kg
