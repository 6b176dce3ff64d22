#include "hgnn_moe/kg/load_report.h"

#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"

#include "hgnn_moe/base/json.h"

namespace hgnn_moe::kg {
namespace {

LoadReport example() {
  return testing::read_csv(testing::kPrimeKgHeader +
                           "drug_protein,target,0,1,drug,A,s,1,1,gene,B,s\n"
                           "drug_protein,enzyme,0,1,drug,A,s,1,1,gene,C,s\n"
                           "ppi,ppi,1,1,gene,B,s,1,1,gene,B,s\n")
      .report;
}

TEST(LoadReportTest, TheTableShowsEverythingCounted) {
  EXPECT_EQ(to_table(example()),
            "kg.csv: 3 rows, 2 edges, 2 nodes\n"
            "  1 rows repeat an edge of their relation: left out\n"
            "  1 edges join a node with itself: kept\n"
            "  1 times a node has another name than at first: the first is kept\n"
            "  1 ids are used by several types or sources: kept apart\n"
            "  2 nodes have such an id\n"
            "     nodes   isolated  node type\n"
            "         1          0  drug\n"
            "         1          0  gene\n"
            "      rows      edges duplicates self-loops  relation\n"
            "         2          1          1          0  (drug, drug_protein, gene)  as target 1, "
            "enzyme 1\n"
            "         1          1          0          1  (gene, ppi, gene)\n");
}

TEST(LoadReportTest, JsonHoldsTheSame) {
  const Json json = to_json(example());
  EXPECT_EQ(json.at("rows"), 3);
  EXPECT_EQ(json.at("name_conflicts"), 1);
  EXPECT_EQ(json.at("relations").at(0).at("labels").at(1).at("label"), "enzyme");
  EXPECT_EQ(json.at("node_types").at(1).at("type"), "gene");
  EXPECT_EQ(to_json(report_from_json(json)), json);
}

}  // namespace
}  // namespace hgnn_moe::kg
