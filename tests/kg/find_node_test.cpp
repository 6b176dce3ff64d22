#include "hgnn_moe/kg/find_node.h"

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

namespace hgnn_moe::kg {
namespace {

using testing::kPrimeKgHeader;

// Nodes: 0 drug DB1 "Aspirin", 1 drug 5 "Metformin", 2 disease 5 "headache", 3 disease 7
// "Aspirin", 4 disease 8 "cluster headache", 5 disease 8 of another source "migraine".
Graph graph() {
  return testing::read_csv(kPrimeKgHeader +
                           "treats,treats,0,DB1,drug,Aspirin,DrugBank,1,5,disease,headache,MONDO\n"
                           "treats,treats,2,5,drug,Metformin,DrugBank,3,7,disease,Aspirin,MONDO\n"
                           "treats,treats,2,5,drug,Metformin,DrugBank,3,8,disease,"
                           "cluster headache,MONDO\n"
                           "treats,treats,2,5,drug,Metformin,DrugBank,3,8,disease,migraine,OMIM\n")
      .graph;
}

std::string message_for(const char* text, std::optional<std::int32_t> type = std::nullopt) {
  return message_of_error(ExitCode::usage, [&] { find_node(graph(), text, type); });
}

TEST(FindNodeTest, ByIdNameTypeOrNumber) {
  EXPECT_EQ(find_node(graph(), "DB1"), 0);
  EXPECT_EQ(find_node(graph(), "metformin"), 1);
  EXPECT_EQ(find_node(graph(), "HEADACHE"), 2);
  EXPECT_EQ(find_node(graph(), "drug:5"), 1);
  EXPECT_EQ(find_node(graph(), "Disease:5"), 2);
  EXPECT_EQ(find_node(graph(), "7"), 3) << "digits are an id";
  EXPECT_EQ(find_node(graph(), "#3"), 3);
  EXPECT_EQ(find_node(graph(), "5", 1), 2) << "the only disease";
  EXPECT_EQ(find_node(graph(), "aspirin", 0), 0);
}

TEST(FindNodeTest, SeveralAreNamed) {
  const std::string five = message_for("5");
  EXPECT_TRUE(contains(five, "drug:5 (Metformin, #1), disease:5 (headache, #2)")) << five;
  EXPECT_TRUE(contains(message_for("Aspirin"), "disease:7 (Aspirin, #3)"));
  const std::string eight = message_for("disease:8");
  EXPECT_TRUE(contains(eight, "(cluster headache, #4), disease:8 (migraine, #5)")) << eight;
}

TEST(FindNodeTest, NoneIsMetBySuggestions) {
  EXPECT_TRUE(contains(message_for("asprin"), "did you mean drug:DB1 (Aspirin, #0)"));
  EXPECT_TRUE(contains(message_for("heada"),
                       "did you mean disease:5 (headache, #2), disease:8 (cluster headache, #4)?"))
      << "what begins with it comes first";
  EXPECT_TRUE(contains(message_for("DB"), "drug:DB1"));
  EXPECT_TRUE(contains(message_for("penicillin"), "give an id, a name, TYPE:ID or #NUMBER"));
  EXPECT_TRUE(contains(message_for(""), "give an id"));
  EXPECT_TRUE(contains(message_for("gene:5"), "there is no node 'gene:5'"));
  EXPECT_TRUE(contains(message_for("drug:DB2"), "there is no node")) << "no id of that type";
}

TEST(FindNodeTest, OfAnotherTypeIsSaid) {
  EXPECT_TRUE(contains(message_for("headache", 0), "is disease:5 (headache, #2), no drug"));
  EXPECT_TRUE(contains(message_for("headake", 1), "there is no disease 'headake'; did you mean"));
  EXPECT_TRUE(contains(message_for("#4", 0), "no drug"));
  EXPECT_FALSE(contains(message_for("asprin", 1), "#0")) << "only diseases are suggested";
}

TEST(FindNodeTest, NumbersHaveARange) {
  for (const char* text : {"#6", "#-1", "#", "#1x", "#99999999999999"}) {
    EXPECT_TRUE(contains(message_for(text), "give a number from #0 to #5")) << text;
  }
}

TEST(FindNodeTest, ManySuggestionsAreCounted) {
  std::string text;
  for (int i = 0; i < 9; ++i) text += fmt::format("n{}\tr\tn{}\n", i, i);
  const Graph many = testing::read_tsv(text).graph;
  const std::string near = message_of_error(ExitCode::usage, [&] { find_node(many, "n"); });
  EXPECT_TRUE(contains(near, "entity:n4") && !contains(near, "entity:n5")) << near;

  std::string nodes = "id\tname\tkind\n";
  for (int i = 0; i < 9; ++i) nodes += fmt::format("g{}\tsame\tGene\n", i);
  const Graph same = read_hetionet({nodes, "nodes.tsv"}, {"source\tmetaedge\ttarget\n", "e"}).graph;
  const std::string several = message_of_error(ExitCode::usage, [&] { find_node(same, "same"); });
  EXPECT_TRUE(contains(several, "#4), 4 more;")) << several;
}

}  // namespace
}  // namespace hgnn_moe::kg
