// Readers against a brute-force map on random graphs, and on text that is no graph.
#include <functional>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/kg/readers.h"
#include "hgnn_moe/kg/reverses.h"

namespace hgnn_moe::kg {
namespace {

using testing::kPrimeKgHeader;

struct Node {
  std::string type, source, id, name;
};
using Key = std::tuple<std::string, std::string, std::string>;

Key key_of(const Node& node) { return {node.type, node.source, node.id}; }

std::string quoted(const std::string& text, std::mt19937& random) {
  if (text.find_first_of(",\"\n\r") == std::string::npos && random() % 2 == 0) return text;
  std::string result = "\"";
  for (const char character : text) result += character == '"' ? "\"\"" : std::string(1, character);
  return result + "\"";
}

// What a reader that keeps everything in maps would say.
struct Expected {
  std::map<Key, std::string> names;
  std::set<std::tuple<Key, std::string, Key>> edges;
  std::int64_t duplicates = 0;
  std::int64_t name_conflicts = 0;

  void mention(const Node& node) {
    const auto [found, is_new] = names.emplace(key_of(node), node.name);
    if (!is_new && found->second != node.name) ++name_conflicts;
  }
  void add(const Node& x, const std::string& relation, const Node& y) {
    mention(x);
    mention(y);
    if (!edges.emplace(key_of(x), relation, key_of(y)).second) ++duplicates;
  }
};

Key key_in(const Graph& graph, std::int32_t node) {
  return {graph.node_types[type_of_node(graph, node)].name, graph.sources[graph.node_sources[node]],
          std::string(graph.node_ids[node])};
}

void expect_same(const LoadedGraph& loaded, const Expected& expected) {
  const Graph& graph = loaded.graph;
  ASSERT_EQ(find_fault(graph), "");
  std::map<Key, std::string> names;
  for (std::int32_t n = 0; n < graph.node_count(); ++n) {
    EXPECT_TRUE(names.emplace(key_in(graph, n), graph.node_names[n]).second);
  }
  EXPECT_EQ(names, expected.names);
  std::set<std::tuple<Key, std::string, Key>> edges;
  for (const Relation& relation : graph.relations) {
    for (const Edge& edge : relation.edges) {
      EXPECT_TRUE(
          edges.emplace(key_in(graph, edge.head), relation.name, key_in(graph, edge.tail)).second);
    }
  }
  EXPECT_EQ(edges, expected.edges);
  EXPECT_EQ(loaded.report.duplicates, expected.duplicates);
  EXPECT_EQ(loaded.report.name_conflicts, expected.name_conflicts);
  EXPECT_EQ(loaded.report.rows, loaded.report.edges + loaded.report.duplicates);
}

TEST(RandomGraphsTest, PrimeKgIsReadAsByAMap) {
  const std::vector<std::string> names = {"",           "plain", "comma, inside", "\"quoted\"",
                                          "two\nlines", "x\"",   "\r\n",          "\xE2\x82\xAC"};
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](int count) { return static_cast<int>(random() % count); };
    Expected expected;
    std::string text = kPrimeKgHeader;
    const auto node = [&] {
      return Node{fmt::format("t{}", pick(3)), fmt::format("s{}", pick(2)),
                  fmt::format("{}", pick(6)), names[pick(8)]};
    };
    for (int row = pick(200); row > 0; --row) {
      const Node x = node(), y = node();
      const std::string relation = fmt::format("r{}", pick(3));
      expected.add(x, relation, y);
      text += relation + ",shown";
      for (const Node& end : {x, y}) {
        text += fmt::format(",{},{},{},{},{}", pick(9), quoted(end.id, random), end.type,
                            quoted(end.name, random), quoted(end.source, random));
      }
      text += pick(2) == 0 ? "\n" : "\r\n";
    }
    const LoadedGraph loaded = testing::read_csv(text);
    expect_same(loaded, expected);
    const Graph reversed = with_reverses(loaded.graph).graph;
    EXPECT_EQ(find_fault(reversed), "");
    for (const Relation& relation : reversed.relations) EXPECT_NE(relation.reverse, kNoReverse);
  }
}

TEST(RandomGraphsTest, TriplesAreReadAsByAMap) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    Expected expected;
    std::string text;
    const auto node = [&] {
      const std::string id = fmt::format("n{}", random() % 20);
      return Node{"entity", "", id, id};
    };
    for (unsigned row = random() % 300; row > 0; --row) {
      const Node x = node(), y = node();
      const std::string relation = fmt::format("r{}", random() % 4);
      expected.add(x, relation, y);
      text += x.id + "\t" + relation + "\t" + y.id + "\n";
    }
    expect_same(testing::read_tsv(text), expected);
  }
}

// Each reader gives a sound graph or Error(data), and nothing else.
void expect_graph_or_error(const std::function<std::vector<LoadedGraph>()>& read) {
  try {
    for (const LoadedGraph& loaded : read()) {
      EXPECT_EQ(find_fault(loaded.graph), "");
      EXPECT_EQ(loaded.report.rows, loaded.report.edges + loaded.report.duplicates);
      EXPECT_NO_THROW(to_json(loaded.report).dump());
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::data);
    EXPECT_NE(std::string(error.what()), "");
  }
}

void feed(const std::string& text) {
  static const std::string nodes = "id\tname\tkind\na\tA\tGene\nb\tB\tDisease\n";
  // Copies of exactly this size, so that a sanitizer sees a read behind the end.
  const std::vector<char> exact(text.begin(), text.end());
  const NamedText file{{exact.data(), exact.size()}, "fuzz"};
  expect_graph_or_error([&] { return std::vector<LoadedGraph>{read_primekg(file)}; });
  expect_graph_or_error([&] { return read_triples({file}); });
  expect_graph_or_error([&] { return std::vector<LoadedGraph>{read_hetionet(file, file)}; });
  expect_graph_or_error(
      [&] { return std::vector<LoadedGraph>{read_hetionet({nodes, "nodes"}, file)}; });
}

const std::string kCsv = "\xEF\xBB\xBF" + kPrimeKgHeader +
                         "r,R,0,1,t,\"A, \"\"B\"\"\",s,1,2,u,\"x\r\ny\",s\r\n\n"
                         "r,R,0,1,t,\xC3\xA4\xE2\x82\xAC,s,1,2,u,\"\",s";
const std::string kSif = "source\tmetaedge\ttarget\r\na\tDaG\tb\r\na\tGiG\ta\nb\tDaG\ta";

TEST(RandomTextTest, EveryTruncation) {
  for (const std::string& whole : {kCsv, kSif}) {
    for (std::size_t size = 0; size <= whole.size(); ++size) feed(whole.substr(0, size));
  }
}

TEST(RandomTextTest, EveryByteReplaced) {
  for (const std::string& whole : {kCsv, kSif}) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const char other : {'"', ',', '\t', '\n', '\r', '\0', '\xFF', '\x1F'}) {
        std::string damaged = whole;
        damaged[at] = other;
        feed(damaged);
      }
    }
  }
}

TEST(RandomTextTest, RandomBytes) {
  const std::string alphabet = "ab\t\t,,\"\"\n\n\r\xC3\xA4\xFF";
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text = round % 3 == 0 ? kPrimeKgHeader : round % 3 == 1 ? "\x1F\x8B" : "";
    for (unsigned i = random() % 200; i > 0; --i) {
      text +=
          round % 2 == 0 ? alphabet[random() % alphabet.size()] : static_cast<char>(random() % 256);
    }
    feed(text);
  }
}

}  // namespace
}  // namespace hgnn_moe::kg
