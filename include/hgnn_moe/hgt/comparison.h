// Figures of the runs of a comparison, over seeds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/seed_statistics.h"

namespace hgnn_moe::hgt {

enum class FigureUnit { share, count, seconds, bytes };

struct Figure {
  const char* name;   // in JSON
  const char* title;  // in the table; "" of one that is in JSON alone
  FigureUnit unit;
  bool of_relation;  // only where a relation is named
};

// All of them, in the order of the table. What is compared first of all is quality_of.
const std::vector<Figure>& comparison_figures();
const Figure& figure_named(const std::string& name);

// A run of one variant and seed.
struct ComparedResult {
  std::string variant;
  std::int64_t seed = 0;
  std::string folder;
  std::string problem;                    // "" of a run that is done, else "diverged: step 2: ..."
  std::string verdict;                    // of its embeddings
  std::map<std::string, double> figures;  // by name, those that it has
};

// The figures in run_summary.json of a run that is done. `relation`: the title of the one that is
// looked at, or "".
std::map<std::string, double> figures_of_summary(const Json& summary, const std::string& relation);

// Of one variant.
struct VariantResults {
  std::string name;
  std::size_t done = 0;
  std::vector<std::string> problems;  // "seed 2 diverged: step 2: ..."
  std::map<std::string, std::size_t> verdicts;
  std::map<std::string, SeedValues> figures;  // by name

  const SeedValues& values(const std::string& figure) const;
};

struct Comparison {
  HgtComparison kind = HgtComparison::batch;
  std::string relation;  // its title, or ""
  std::vector<VariantResults> variants;

  // The figure that decides: AUPRC of the relation, where one is named, else MRR of all triples.
  std::string quality() const { return relation.empty() ? "mrr" : "auprc"; }
  // The figure that decides between variants of the same quality.
  std::string cost() const {
    return kind == HgtComparison::batch ? "peak_memory_bytes" : "seconds";
  }
};

// `variants` in their order; every result is of one of them.
Comparison comparison_of(HgtComparison kind, const std::string& relation,
                         const std::vector<std::string>& variants,
                         const std::vector<ComparedResult>& results);

// Two tables: figures of the variants, and differences to the first one. Ends in a newline.
std::string to_table(const Comparison& comparison);

// Everything in them, and what the table leaves out.
Json to_json(const Comparison& comparison);

}  // namespace hgnn_moe::hgt
