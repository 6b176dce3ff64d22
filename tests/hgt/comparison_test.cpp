#include "hgnn_moe/hgt/comparison.h"

#include <gtest/gtest.h>

#include "tests/hgt/comparison_support.h"

namespace hgnn_moe::hgt {
namespace {

const std::string kRelation = "(drug, acts on/~, disease)";

Json summary() {
  return Json::parse(R"J({"status": "done", "epochs": 4, "steps": 40, "seconds": 2.0,
    "triples": 450, "triples_per_epoch": 100, "triples_per_s": 50.0, "peak_memory_bytes": 2097152, "best_valid_mrr": null,
    "results": {"test": {"micro": {"mrr": 0.5, "hits_at_10": 0.75},
                         "macro": {"mrr": 0.25, "hits_at_10": null},
                         "relations": {"(drug, acts on/~, disease)": {"mrr": 0.125,
                                                                      "hits_at_10": 0.5}}},
                "links": {"(drug, acts on/~, disease)": {
                            "model": {"auroc": 0.875, "auprc": 0.75},
                            "degree_product": {"auroc": 0.5, "auprc": 0.5}}}}})J");
}

// max_steps ended the run in the middle of its fifth epoch.
TEST(Comparison, FiguresComeFromTheSummary) {
  const auto figures = figures_of_summary(summary(), kRelation);
  const std::map<std::string, double> expected = {{"mrr", 0.5},
                                                  {"hits_at_10", 0.75},
                                                  {"macro_mrr", 0.25},
                                                  {"seconds", 2.0},
                                                  {"seconds_per_epoch", 200.0 / 450.0},
                                                  {"triples_per_s", 50.0},
                                                  {"steps", 40},
                                                  {"peak_memory_bytes", 1 << 21},
                                                  {"relation_mrr", 0.125},
                                                  {"auprc", 0.75},
                                                  {"relation_hits_at_10", 0.5},
                                                  {"auroc", 0.875},
                                                  {"degree_auprc", 0.5},
                                                  {"auprc_above_degrees", 0.25}};
  EXPECT_EQ(figures, expected) << "those that are null are none";
  EXPECT_EQ(figures_of_summary(summary(), "").count("auprc"), 0u);
  EXPECT_EQ(figures_of_summary(summary(), "(a, b, c)").count("auprc"), 0u);
  EXPECT_TRUE(figures_of_summary(Json::parse(R"({"results": null})"), kRelation).empty());
}

Comparison small() {
  std::vector<ComparedResult> results;
  add_runs(results, "mini", {0.50, 0.60, 0.70}, steady(9), steady(1 << 20));
  add_runs(results, "full", {0.48, 0.58, 0.71}, steady(3), steady(5 << 20));
  results.back().problem = "out_of_memory: no more";
  return comparison_of(HgtComparison::batch, "", {"mini", "full"}, results);
}

TEST(Comparison, RunsThatAreNotDoneAreTold) {
  const Comparison comparison = small();
  EXPECT_EQ(comparison.variants[0].done, 3u);
  EXPECT_EQ(comparison.variants[1].done, 2u);
  EXPECT_EQ(comparison.variants[1].problems,
            (std::vector<std::string>{"seed 3: out_of_memory: no more"}));
  EXPECT_EQ(comparison.variants[1].values("mrr"), (SeedValues{{1, 0.48}, {2, 0.58}}));
  EXPECT_EQ(comparison.variants[1].verdicts.at("good"), 2u);
}

TEST(Comparison, TheTableHasMeansAndPairedDifferences) {
  const std::string table = to_table(small());
  for (const char* line :
       {"runs done                     3                               2\n",
        "test MRR                      0.6000 ± 0.1000                 0.5300 ± 0.0707\n",
        "peak memory, MiB              1 ± 0                           5 ± 0\n",
        "embeddings                    good 3                          good 2\n",
        // Of seeds 1 and 2, which both have.
        "test MRR                                                      -0.0200 (-0.0200 to "
        "-0.0200)\n",
        "not done: full, seed 3: out_of_memory: no more\n"}) {
    EXPECT_NE(table.find(line), std::string::npos) << line << table;
  }
  EXPECT_EQ(table.find("AUPRC"), std::string::npos) << "no relation is named";
}

TEST(Comparison, TheRecordHasEverything) {
  const Json record = to_json(small());
  EXPECT_EQ(record.at("quality"), "mrr");
  EXPECT_EQ(record.at("cost"), "peak_memory_bytes");
  const Json& mrr = record.at("variants")[0].at("figures").at("mrr");
  EXPECT_EQ(mrr.at("n"), 3);
  EXPECT_NEAR(mrr.at("mean").get<double>(), 0.6, 1e-12);
  EXPECT_NEAR(mrr.at("deviation").get<double>(), 0.1, 1e-12);
  const Json& differences = record.at("differences");
  ASSERT_EQ(differences.size(), 1u);
  EXPECT_EQ(differences[0].at("variant"), "full");
  EXPECT_NEAR(differences[0].at("figures").at("mrr").at("mean").get<double>(), -0.02, 1e-12);
  EXPECT_FALSE(differences[0].at("figures").at("mrr").contains("ratio"));
  const Json& memory = differences[0].at("figures").at("peak_memory_bytes");
  EXPECT_NEAR(memory.at("ratio").get<double>(), 5.0, 1e-9);
  EXPECT_EQ(memory.at("ratio_interval").size(), 2u);
}

}  // namespace
}  // namespace hgnn_moe::hgt
