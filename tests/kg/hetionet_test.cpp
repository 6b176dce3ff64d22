#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/kg/kg_files.h"

#include "hgnn_moe/kg/readers.h"

namespace hgnn_moe::kg {
namespace {

using testing::data_error;
using testing::edges_of;
using testing::nodes_of;
using Strings = std::vector<std::string>;

const std::string kNodes =
    "id\tname\tkind\r\n"
    "Compound::DB1\tAspirin, \"plain\"\tCompound\r\n"
    "Gene::9\tNAT1\tGene\r\n"
    "Gene::10\tNAT2\tGene\r\n"
    "Side Effect::C1\tnausea\tSide Effect\r\n"
    "Gene::11\talone\tGene\r\n";
const std::string kEdges =
    "source\tmetaedge\ttarget\r\n"
    "Compound::DB1\tCbG\tGene::10\r\n"
    "Gene::9\tGr>G\tGene::10\r\n"
    "Gene::9\tGiG\tGene::9\r\n"
    "Compound::DB1\tCcSE\tSide Effect::C1\r\n"
    "Gene::9\tXyZ\tSide Effect::C1\r\n";

LoadedGraph read(const std::string& nodes, const std::string& edges) {
  return read_hetionet({nodes, "nodes.tsv"}, {edges, "edges.sif"});
}

std::string gzipped(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

TEST(HetionetTest, ReadsAGoldenFile) {
  const LoadedGraph loaded = read(kNodes, kEdges);
  EXPECT_EQ(nodes_of(loaded.graph),
            (Strings{"Compound||Compound::DB1|Aspirin, \"plain\"", "Gene||Gene::9|NAT1",
                     "Gene||Gene::10|NAT2", "Gene||Gene::11|alone",
                     "Side Effect||Side Effect::C1|nausea"}));
  EXPECT_EQ(edges_of(loaded.graph),
            (Strings{"(Compound, binds, Gene) Compound::DB1>Gene::10",
                     "(Gene, regulates, Gene) Gene::9>Gene::10",
                     "(Gene, interacts, Gene) Gene::9>Gene::9",
                     "(Compound, causes, Side Effect) Compound::DB1>Side Effect::C1",
                     "(Gene, XyZ, Side Effect) Gene::9>Side Effect::C1"}));
  EXPECT_EQ(find_fault(loaded.graph), "");
  EXPECT_EQ(loaded.graph.relations[1].direction, Direction::directed);
  EXPECT_EQ(loaded.graph.relations[2].direction, Direction::undirected);
  EXPECT_EQ(loaded.report.rows, 5);
  EXPECT_EQ(loaded.report.isolated, 1);
  EXPECT_EQ(loaded.report.self_loops, 1);
  EXPECT_EQ(loaded.report.relations[0].labels[0].label, "CbG");
  EXPECT_EQ(loaded.report.node_types[1].isolated, 1);
}

TEST(HetionetTest, GzipGivesTheSameGraph) {
  const std::string expected = testing::dump(read(kNodes, kEdges).graph);
  EXPECT_EQ(testing::dump(read(kNodes, gzipped(kEdges)).graph), expected);
  EXPECT_EQ(testing::dump(read(gzipped(kNodes), kEdges).graph), expected);
  const std::size_t middle = kEdges.size() / 2;
  const std::string members = gzipped(kEdges.substr(0, middle)) + gzipped(kEdges.substr(middle));
  EXPECT_EQ(testing::dump(read(kNodes, members).graph), expected);
}

TEST(HetionetTest, RefusesDamagedGzip) {
  const std::string packed = gzipped(kEdges);
  for (std::size_t size = 2; size < packed.size(); ++size) {
    EXPECT_TRUE(contains(data_error([&] { read(kNodes, packed.substr(0, size)); }), "gzip"));
  }
  std::string flipped = packed;
  flipped[packed.size() - 6] ^= 1;  // the checksum
  EXPECT_TRUE(contains(data_error([&] { read(kNodes, flipped); }), "edges.sif: the gzip data"));
  EXPECT_TRUE(contains(data_error([&] { read(kNodes, packed + "x"); }), "gzip"));
}

TEST(HetionetTest, RefusesEdgesThatContradictTheNodes) {
  const std::string message = data_error([] {
    read(kNodes,
         "source\tmetaedge\ttarget\n"
         "Gene::9\tGiG\tGene::404\n"
         "Gene::9\tCtD\tGene::10\n"
         "Gene::10\tCbG\tCompound::DB1\n"
         "Gene::10\t\tGene::9\n"
         "Gene::10\tGiG\n");
  });
  EXPECT_TRUE(contains(message, "edges.sif, line 2: the node 'Gene::404' is not in nodes.tsv"));
  EXPECT_TRUE(contains(message, "line 3: CtD joins Compound and Disease, but here 'Gene' and"));
  EXPECT_TRUE(contains(message, "line 4: CbG joins Compound and Gene, but here 'Gene' and"));
  EXPECT_TRUE(contains(message, "line 5: metaedge is empty"));
  EXPECT_TRUE(contains(message, "line 6: there are 2 fields and the header has 3"));
}

TEST(HetionetTest, ANodeOfTwoKindsIsRefusedAndOneOfTwoNamesCounted) {
  const std::string header = "id\tname\tkind\n";
  EXPECT_TRUE(contains(data_error([&] {
                         read(header + "a\tA\tGene\na\tA\tDisease\n", "source\tmetaedge\ttarget\n");
                       }),
                       "nodes.tsv, line 3: the node 'a' was 'Gene' before and is 'Disease' here"));
  const LoadedGraph loaded =
      read(header + "a\tA\tGene\na\tB\tGene\n", "source\tmetaedge\ttarget\na\tGiG\ta\n");
  EXPECT_EQ(loaded.report.name_conflicts, 1);
  EXPECT_EQ(loaded.graph.node_names[0], "A");
}

}  // namespace
}  // namespace hgnn_moe::kg
