#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

#include "hgnn_moe/kg/readers.h"

namespace hgnn_moe::kg {
namespace {

using testing::data_error;
using testing::edges_of;
using testing::kPrimeKgHeader;
using testing::nodes_of;
using testing::read_csv;
using Strings = std::vector<std::string>;

const std::string kRows =
    "indication,indication,0,DB1,drug,\"Aspirin, \"\"plain\"\"\",DrugBank,1,5,disease,gout,MONDO\n"
    "drug_protein,target,0,DB1,drug,\"Aspirin, \"\"plain\"\"\",DrugBank,2,5,gene/protein,P,NCBI\n"
    "drug_protein,enzyme,3,DB2,drug,\"two\nlines\",DrugBank,2,5,gene/protein,P,NCBI\n";

TEST(PrimeKgTest, ReadsAGoldenFile) {
  const LoadedGraph loaded = read_csv(kPrimeKgHeader + kRows);
  EXPECT_EQ(nodes_of(loaded.graph),
            (Strings{"drug|DrugBank|DB1|Aspirin, \"plain\"", "drug|DrugBank|DB2|two\nlines",
                     "disease|MONDO|5|gout", "gene/protein|NCBI|5|P"}));
  EXPECT_EQ(edges_of(loaded.graph), (Strings{"(drug, indication, disease) DB1>5",
                                             "(drug, drug_protein, gene/protein) DB1>5",
                                             "(drug, drug_protein, gene/protein) DB2>5"}));
  EXPECT_EQ(find_fault(loaded.graph), "");
  const LoadReport& report = loaded.report;
  EXPECT_EQ(report.file, "kg.csv");
  EXPECT_EQ(report.rows, 3);
  EXPECT_EQ(report.edges, 3);
  EXPECT_EQ(report.nodes, 4);
  EXPECT_EQ(report.colliding_ids, 1) << "the id 5 of a disease and of a gene";
  EXPECT_EQ(report.colliding_nodes, 2);
  ASSERT_EQ(report.relations.size(), 2u);
  ASSERT_EQ(report.relations[1].labels.size(), 2u);
  EXPECT_EQ(report.relations[1].labels[1].label, "enzyme");
  EXPECT_EQ(report.relations[1].labels[1].rows, 1);
}

TEST(PrimeKgTest, LineEndsMarkAndBlankLinesDoNotMatter) {
  const std::string plain = kPrimeKgHeader +
                            "r,R,0,a,t,A,s,1,b,u,B,s\n"
                            "r,R,0,a,t,A,s,2,c,u,\"C\",s\n";
  const std::string expected = testing::dump(read_csv(plain).graph);
  std::string windows;
  for (const char character : plain)
    windows += character == '\n' ? "\r\n" : std::string(1, character);
  EXPECT_EQ(testing::dump(read_csv(windows).graph), expected);
  EXPECT_EQ(testing::dump(read_csv(plain.substr(0, plain.size() - 1)).graph), expected);
  EXPECT_EQ(testing::dump(read_csv(windows.substr(0, windows.size() - 1)).graph), expected)
      << "a lone return at the end";
  EXPECT_EQ(testing::dump(read_csv("\xEF\xBB\xBF" + plain).graph), expected);
  const LoadedGraph blank = read_csv("\n" + plain + "\r\n\n");
  EXPECT_EQ(testing::dump(blank.graph), expected);
  EXPECT_EQ(blank.report.blank_lines, 3);
}

TEST(PrimeKgTest, ColumnsAreFoundByName) {
  const LoadedGraph loaded = read_csv(
      "extra,y_source,y_name,y_type,y_id,y_index,x_source,x_name,x_type,x_id,x_index,"
      "display_relation,relation\n"
      "?,MONDO,gout,disease,5,1,DrugBank,Aspirin,drug,DB1,0,shown,indication\n");
  EXPECT_EQ(nodes_of(loaded.graph), (Strings{"drug|DrugBank|DB1|Aspirin", "disease|MONDO|5|gout"}));
  EXPECT_EQ(edges_of(loaded.graph), (Strings{"(drug, indication, disease) DB1>5"}));
}

TEST(PrimeKgTest, EmptyNamesSourcesAndLabelsAreAllowed) {
  const LoadedGraph loaded = read_csv(kPrimeKgHeader + "r,,0,a,t,,,1,b,t,,\n");
  EXPECT_EQ(nodes_of(loaded.graph), (Strings{"t||a|", "t||b|"}));
}

TEST(PrimeKgTest, AQuoteInsideAFieldStandsForItself) {
  const LoadedGraph loaded =
      read_csv(kPrimeKgHeader + "r,r,0,a,t,5\" nail,s,1,b,t,\"\"\"q\"\"\",s\n");
  EXPECT_EQ(loaded.graph.node_names[0], "5\" nail");
  EXPECT_EQ(loaded.graph.node_names[1], "\"q\"");
}

TEST(PrimeKgTest, CountsWhatIsLeftOutOrContradicts) {
  const LoadedGraph loaded = read_csv(kPrimeKgHeader +
                                      "r,r,0,a,t,A,s,1,b,t,B,s\n"
                                      "r,r,0,a,t,A,s,1,b,t,B,s\n"      // repeats
                                      "r,r,0,a,t,A,s,0,a,t,other,s\n"  // a loop, another name
                                      "r,r,9,a,t,A,s,1,c,t,C,s\n"      // another index; shared
                                      "r,r,x,a,t,A,s,1,b,t,B,other\n"  // no index; another node
                                      "q,q,0,a,t,A,s,1,b,t,B,s\n");    // another relation
  const LoadReport& report = loaded.report;
  EXPECT_EQ(report.rows, 6);
  EXPECT_EQ(report.edges, 5);
  EXPECT_EQ(report.duplicates, 1);
  EXPECT_EQ(report.self_loops, 1);
  EXPECT_EQ(report.name_conflicts, 1);
  EXPECT_EQ(report.index_conflicts, 2);
  EXPECT_EQ(report.shared_indexes, 3) << "1 is the index of b, of c and of the other b";
  EXPECT_EQ(report.nodes, 4);
  EXPECT_EQ(report.colliding_ids, 1);
  EXPECT_EQ(report.isolated, 0);
  EXPECT_EQ(loaded.graph.node_names[0], "A");
  EXPECT_EQ(report.relations[0].rows, 5);
  EXPECT_EQ(report.relations[0].duplicates, 1);
  EXPECT_EQ(report.relations[1].rows, 1);
}

TEST(PrimeKgTest, EdgesAreSortedByTailThenHead) {
  const LoadedGraph loaded = read_csv(kPrimeKgHeader +
                                      "r,r,0,a,t,,s,1,b,t,,s\n"
                                      "r,r,1,b,t,,s,0,a,t,,s\n"
                                      "r,r,2,c,t,,s,1,b,t,,s\n"
                                      "r,r,2,c,t,,s,0,a,t,,s\n");
  EXPECT_EQ(edges_of(loaded.graph),
            (Strings{"(t, r, t) b>a", "(t, r, t) c>a", "(t, r, t) a>b", "(t, r, t) c>b"}));
}

TEST(PrimeKgTest, RefusesWhatIsNoSuchFile) {
  EXPECT_TRUE(contains(data_error([] { read_csv(""); }), "kg.csv, line 1: there is no header"));
  EXPECT_TRUE(contains(data_error([] { read_csv("a,b\n1,2\n"); }), "no column 'relation'"));
  EXPECT_TRUE(contains(data_error([] { read_csv("relation," + kPrimeKgHeader); }),
                       "the column 'relation' twice"));
}

TEST(PrimeKgTest, TellsAllErrorsWithTheirLines) {
  const std::string message = data_error([] {
    read_csv(kPrimeKgHeader +
             "r,r,0,a,t,\"two\nlines\",s,1,b,t,,s\n"  // lines 2 and 3
             "r,r,0,a,t\n"                            // 4: fields
             "r,r,0,,t,,s,1,b,t,,s\n"                 // 5: no id
             "r,r,0,a,t,\"q\"x,s,1,b,t,,s\n"          // 6: text after a quote
             "r,r,0,a,t,,s,1,\xFF,t,,s\n"             // 7: no UTF-8
             ",r,0,a,t,,s,1,b,t,,s\n");               // 8: no relation
  });
  EXPECT_TRUE(contains(message, "kg.csv, line 4: there are 5 fields and the header has 12"));
  EXPECT_TRUE(contains(message, "kg.csv, line 5: x_id is empty"));
  EXPECT_TRUE(contains(message, "kg.csv, line 6: text follows the closing quote of field 6"));
  EXPECT_TRUE(contains(message, "kg.csv, line 7: y_id '?' is not UTF-8"));
  EXPECT_TRUE(contains(message, "kg.csv, line 8: relation is empty"));
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 4) << message;
}

TEST(PrimeKgTest, ReadsOnAfterTextBehindAQuoteWithLineBreaks) {
  const std::string message =
      data_error([] { read_csv(kPrimeKgHeader + "r,r,0,a,t,\"1\n2\"x,s,1,b,t,,s\nshort\n"); });
  EXPECT_TRUE(contains(message, "line 3: text follows")) << message;
  EXPECT_TRUE(contains(message, "line 4: there are 1 fields")) << message;
}

TEST(PrimeKgTest, StopsAtAnOpenQuoteAndAfterTenErrors) {
  EXPECT_TRUE(
      contains(data_error([] { read_csv(kPrimeKgHeader + "r,r,0,a,t,\"open,s\n1,b,t,,s\n"); }),
               "line 2: the quote before field 6 is never closed"));
  std::string many = kPrimeKgHeader;
  for (int i = 0; i < 50; ++i) many += "short\n";
  const std::string message = data_error([&] { read_csv(many); });
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 10);
  EXPECT_TRUE(contains(message, "line 11: "));
  EXPECT_FALSE(contains(message, "line 12: "));
  EXPECT_TRUE(contains(message, "reading stops after 10 errors"));
}

TEST(PrimeKgTest, RefusesALineOfSeparators) {
  const std::string commas(100000, ',');
  EXPECT_TRUE(contains(data_error([&] { read_csv(kPrimeKgHeader + commas + "\n"); }),
                       "line 2: there are more than 4096 fields"));
}

TEST(PrimeKgTest, AHeaderAloneIsAnEmptyGraph) {
  const LoadedGraph loaded = read_csv(kPrimeKgHeader);
  EXPECT_EQ(loaded.graph.node_count(), 0);
  EXPECT_EQ(loaded.graph.edge_count(), 0);
  EXPECT_EQ(find_fault(loaded.graph), "");
}

}  // namespace
}  // namespace hgnn_moe::kg
