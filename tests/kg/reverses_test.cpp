#include "hgnn_moe/kg/reverses.h"

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

namespace hgnn_moe::kg {
namespace {

using testing::data_error;
using testing::edges_of;
using testing::kPrimeKgHeader;
using testing::read_csv;
using testing::read_tsv;
using Strings = std::vector<std::string>;

std::string row(const std::string& relation, const std::string& x, const std::string& y) {
  const auto end = [](const std::string& node) {  // "type:id"
    const std::size_t colon = node.find(':');
    return ",0," + node.substr(colon + 1) + "," + node.substr(0, colon) + ",,s";
  };
  return relation + "," + relation + end(x) + end(y) + "\n";
}

const Relation& relation_at(const ReversedGraph& reversed, std::size_t index) {
  return reversed.graph.relations.at(index);
}

TEST(ReversesTest, AddsWhatIsNotThere) {
  const LoadedGraph loaded = read_csv(kPrimeKgHeader + row("treats", "drug:1", "disease:2") +
                                      row("treats", "drug:3", "disease:2"));
  const ReversedGraph reversed = with_reverses(loaded.graph);
  EXPECT_EQ(
      edges_of(reversed.graph),
      (Strings{"(drug, treats, disease) 1>2", "(drug, treats, disease) 3>2",
               "(disease, treats_reverse, drug) 2>1", "(disease, treats_reverse, drug) 2>3"}));
  EXPECT_EQ(relation_at(reversed, 0).reverse, 1);
  EXPECT_EQ(relation_at(reversed, 1).reverse, 0);
  EXPECT_EQ(find_fault(reversed.graph), "");
  ASSERT_EQ(reversed.notes.size(), 1u);
  EXPECT_EQ(reversed.notes[0].kind, ReverseKind::added);
  EXPECT_TRUE(contains(to_text(reversed), "reverse added, (disease, treats_reverse, drug)"));
}

TEST(ReversesTest, PairsRelationsOfOneName) {
  const LoadedGraph loaded = read_csv(kPrimeKgHeader + row("treats", "drug:1", "disease:2") +
                                      row("treats", "disease:2", "drug:1"));
  const ReversedGraph reversed = with_reverses(loaded.graph);
  ASSERT_EQ(reversed.graph.relations.size(), 2u);
  EXPECT_EQ(relation_at(reversed, 0).reverse, 1);
  ASSERT_EQ(reversed.notes.size(), 1u);
  EXPECT_EQ(reversed.notes[0].kind, ReverseKind::paired);
  EXPECT_EQ(reversed.notes[0].filled, 0);
}

TEST(ReversesTest, FillsMissingDirectionsOfAPairAndCountsThem) {
  const LoadedGraph loaded = read_csv(
      kPrimeKgHeader + row("treats", "drug:1", "disease:2") + row("treats", "disease:2", "drug:1") +
      row("treats", "disease:4", "drug:1") + row("treats", "drug:3", "disease:2"));
  const ReversedGraph reversed = with_reverses(loaded.graph);
  EXPECT_EQ(relation_at(reversed, 0).edges.size(), 3u);
  EXPECT_EQ(relation_at(reversed, 1).edges.size(), 3u);
  EXPECT_EQ(reversed.notes[0].filled, 2);
  EXPECT_EQ(find_fault(reversed.graph), "");
  EXPECT_TRUE(contains(to_text(reversed), "2 missing directions added"));
}

TEST(ReversesTest, SymmetricRelationsAreTheirOwnReverse) {
  const LoadedGraph loaded =
      read_csv(kPrimeKgHeader + row("ppi", "gene:1", "gene:2") + row("ppi", "gene:2", "gene:1") +
               row("ppi", "gene:1", "gene:3") + row("ppi", "gene:3", "gene:3"));
  const ReversedGraph reversed = with_reverses(loaded.graph);
  ASSERT_EQ(reversed.graph.relations.size(), 1u);
  EXPECT_EQ(relation_at(reversed, 0).reverse, 0);
  EXPECT_EQ(relation_at(reversed, 0).edges.size(), 5u) << "3>1 is added, 3>3 is not doubled";
  EXPECT_EQ(reversed.notes[0].kind, ReverseKind::symmetric);
  EXPECT_EQ(reversed.notes[0].filled, 1);
  EXPECT_EQ(find_fault(reversed.graph), "");
}

TEST(ReversesTest, WithoutWordOfTheFormatOnlyAnExactMirrorIsSymmetric) {
  const ReversedGraph same = with_reverses(read_tsv("a\tr\tb\nb\tr\ta\n").graph);
  ASSERT_EQ(same.graph.relations.size(), 1u);
  EXPECT_EQ(relation_at(same, 0).reverse, 0);
  const ReversedGraph other = with_reverses(read_tsv("a\tr\tb\nb\tr\ta\nc\tr\ta\n").graph);
  ASSERT_EQ(other.graph.relations.size(), 2u) << "nothing is made up";
  EXPECT_EQ(relation_at(other, 1).name, "r_reverse");
  EXPECT_EQ(relation_at(other, 0).edges.size(), 3u);
  EXPECT_EQ(find_fault(other.graph), "");
}

TEST(ReversesTest, ADirectedRelationIsNeverSymmetric) {
  const LoadedGraph loaded =
      read_hetionet({"id\tname\tkind\na\tA\tGene\nb\tB\tGene\n", "nodes.tsv"},
                    {"source\tmetaedge\ttarget\na\tGr>G\tb\nb\tGr>G\ta\n", "edges.sif"});
  const ReversedGraph reversed = with_reverses(loaded.graph);
  ASSERT_EQ(reversed.graph.relations.size(), 2u);
  EXPECT_EQ(relation_at(reversed, 0).reverse, 1);
}

TEST(ReversesTest, ASecondCallChangesNothing) {
  const LoadedGraph loaded = read_csv(
      kPrimeKgHeader + row("treats", "drug:1", "disease:2") + row("ppi", "gene:1", "gene:2") +
      row("has", "gene:1", "drug:1") + row("has", "drug:1", "gene:1"));
  const ReversedGraph once = with_reverses(loaded.graph);
  const ReversedGraph twice = with_reverses(once.graph);
  EXPECT_EQ(testing::dump(twice.graph), testing::dump(once.graph));
  EXPECT_TRUE(twice.notes.empty());
}

TEST(ReversesTest, TakesARelationOfTheNameWhereItIsTheMirror) {
  const ReversedGraph taken = with_reverses(read_tsv("a\tr\tb\nb\tr_reverse\ta\n").graph);
  ASSERT_EQ(taken.graph.relations.size(), 2u);
  EXPECT_EQ(relation_at(taken, 0).reverse, 1);
  EXPECT_TRUE(
      contains(data_error([] { with_reverses(read_tsv("a\tr\tb\nb\tr_reverse\tc\n").graph); }),
               "(entity, r_reverse, entity)"));
}

TEST(ReversesTest, TooManyRelationsAreTold) {
  std::string rows;
  for (std::size_t r = 0; r <= kMaxRelations; ++r) rows += "a\tr" + std::to_string(r) + "\tb\n";
  EXPECT_TRUE(contains(data_error([&] { with_reverses(read_tsv(rows).graph); }),
                       "the graph has 65537 relations"));
}

}  // namespace
}  // namespace hgnn_moe::kg
