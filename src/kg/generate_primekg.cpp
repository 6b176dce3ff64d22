#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "csv_rows.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/kg/generate.h"

namespace hgnn_moe::kg {
namespace {

struct TypeShape {
  const char* type;
  const char* source;
  const char* id_prefix;  // "" where ids are numbers, which other sources have as well
  std::int64_t nodes;
};

enum Type {
  kProcess,
  kGene,
  kDisease,
  kEffect,
  kAnatomy,
  kFunction,
  kDrug,
  kComponent,
  kPathway,
  kExposure
};

constexpr std::array<TypeShape, 10> kTypes = {{{"biological_process", "GO", "", 28642},
                                               {"gene/protein", "NCBI", "", 27671},
                                               {"disease", "MONDO", "", 17080},
                                               {"effect/phenotype", "HPO", "", 15311},
                                               {"anatomy", "UBERON", "", 14035},
                                               {"molecular_function", "GO", "MF", 11169},
                                               {"drug", "DrugBank", "DB", 7957},
                                               {"cellular_component", "GO", "CC", 4176},
                                               {"pathway", "REACTOME", "R-HSA-", 2516},
                                               {"exposure", "CTD", "D", 818}}};

struct RelationShape {
  const char* relation;
  const char* display;
  Type head;
  Type tail;
  std::int64_t rows;  // of both directions
};

constexpr std::array<RelationShape, 30> kRelations = {{
    {"protein_protein", "ppi", kGene, kGene, 642150},
    {"drug_protein", "target", kDrug, kGene, 51306},
    {"contraindication", "contraindication", kDrug, kDisease, 61350},
    {"indication", "indication", kDrug, kDisease, 18776},
    {"off-label use", "off-label use", kDrug, kDisease, 5136},
    {"drug_drug", "synergistic interaction", kDrug, kDrug, 2672628},
    {"phenotype_protein", "associated with", kEffect, kGene, 6660},
    {"phenotype_phenotype", "parent-child", kEffect, kEffect, 37472},
    {"disease_phenotype_negative", "phenotype absent", kDisease, kEffect, 2386},
    {"disease_phenotype_positive", "phenotype present", kDisease, kEffect, 300634},
    {"disease_protein", "associated with", kDisease, kGene, 160822},
    {"disease_disease", "parent-child", kDisease, kDisease, 64388},
    {"drug_effect", "side effect", kDrug, kEffect, 129568},
    {"bioprocess_bioprocess", "parent-child", kProcess, kProcess, 105772},
    {"molfunc_molfunc", "parent-child", kFunction, kFunction, 27148},
    {"cellcomp_cellcomp", "parent-child", kComponent, kComponent, 9690},
    {"molfunc_protein", "interacts with", kFunction, kGene, 139060},
    {"cellcomp_protein", "interacts with", kComponent, kGene, 166804},
    {"bioprocess_protein", "interacts with", kProcess, kGene, 289610},
    {"exposure_protein", "interacts with", kExposure, kGene, 2424},
    {"exposure_disease", "linked to", kExposure, kDisease, 4608},
    {"exposure_exposure", "parent-child", kExposure, kExposure, 4140},
    {"exposure_bioprocess", "interacts with", kExposure, kProcess, 3250},
    {"exposure_molfunc", "interacts with", kExposure, kFunction, 90},
    {"exposure_cellcomp", "interacts with", kExposure, kComponent, 20},
    {"anatomy_anatomy", "parent-child", kAnatomy, kAnatomy, 28064},
    {"anatomy_protein_present", "expression present", kAnatomy, kGene, 3036406},
    {"anatomy_protein_absent", "expression absent", kAnatomy, kGene, 39774},
    {"pathway_pathway", "parent-child", kPathway, kPathway, 5070},
    {"pathway_protein", "interacts with", kPathway, kGene, 85292},
}};

std::int64_t scaled(std::int64_t count, double scale) {
  return std::max<std::int64_t>(2, std::llround(static_cast<double>(count) * scale));
}

class PrimeKgGenerator {
 public:
  PrimeKgGenerator(double scale, std::uint64_t seed, const TextSink& sink)
      : scale_(scale), seed_(seed), rows_(sink) {
    std::int64_t first = 0;
    for (const TypeShape& type : kTypes) {
      first_index_.push_back(first);
      first += scaled(type.nodes, scale);
    }
  }

  void run() {
    for (std::size_t r = 0; r < kRelations.size(); ++r) {
      const std::int64_t pairs = scaled(kRelations[r].rows / 2, scale_);
      for (std::int64_t p = 0; p < pairs; ++p) add_row(r, p, false);
      for (std::int64_t p = 0; p < pairs; ++p) add_row(r, p, true);
    }
    rows_.finish();
  }

 private:
  void add_row(std::size_t r, std::int64_t pair, bool is_flipped) {
    const RelationShape& relation = kRelations[r];
    const auto [head, tail] = ends(r, pair);
    CsvNode x = node(relation.head, head);
    CsvNode y = node(relation.tail, tail);
    if (is_flipped) std::swap(x, y);
    rows_.add(relation.relation, relation.display, x, y);
  }

  // The first pairs of a relation go through all nodes, so that none is left without an edge.
  std::pair<std::int64_t, std::int64_t> ends(std::size_t r, std::int64_t pair) const {
    const RelationShape& relation = kRelations[r];
    const std::int64_t heads = scaled(kTypes[relation.head].nodes, scale_);
    const std::int64_t tails = scaled(kTypes[relation.tail].nodes, scale_);
    const std::uint64_t key = philox_stream_key(seed_, RandomPurpose::generated_graph, r);
    const PhiloxBlock block = philox(key, {{static_cast<std::uint32_t>(pair), 0, 0, 0}});
    const std::int64_t head = pair < heads ? pair : skewed(block.v[0], heads);
    if (relation.head == relation.tail && pair < heads) return {head, (pair + 1) % heads};
    return {head, pair < tails ? pair : skewed(block.v[1], tails)};
  }

  // Low numbers more often: the density falls with the square root of the number.
  static std::int64_t skewed(std::uint32_t bits, std::int64_t count) {
    const double uniform = bits / 4294967296.0;
    return static_cast<std::int64_t>(uniform * uniform * static_cast<double>(count));
  }

  CsvNode node(Type type, std::int64_t number) const {
    const TypeShape& shape = kTypes[type];
    const std::string text = std::to_string(number + 1);
    const std::string name = number % 11 == 0
                                 ? fmt::format("{} \"{}\", type {}", shape.type, text, number % 7)
                                 : fmt::format("{} {}", shape.type, text);
    return {first_index_[type] + number, shape.id_prefix + text, shape.type, name, shape.source};
  }

  double scale_;
  std::uint64_t seed_;
  CsvRows rows_;
  std::vector<std::int64_t> first_index_;  // of each type
};

}  // namespace

void generate_primekg(double scale, std::uint64_t seed, const TextSink& sink) {
  HGNN_MOE_ASSERT(scale > 0 && scale <= 1, "scale {}", scale);
  PrimeKgGenerator(scale, seed, sink).run();
}

}  // namespace hgnn_moe::kg
