// Generated graphs in the format of PrimeKG's kg.csv: for the quick start, tests and benchmarks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace hgnn_moe::kg {

// Takes the text of the file piece by piece.
using TextSink = std::function<void(std::string_view)>;

// The sizes of PrimeKG: 129,375 nodes of 10 types and 8,100,498 rows of 30 relations at scale 1
// (Chandak et al., "Building a knowledge graph to enable precision medicine", Scientific Data
// 2023); at others both in proportion. As in PrimeKG each edge is listed in both directions,
// numeric ids of different sources collide, and some names hold commas and quotes. Ends of edges
// are drawn with a skew, every node has an edge, and some rows repeat others. scale in (0, 1].
void generate_primekg(double scale, std::uint64_t seed, const TextSink& sink);

// The default: 600 drugs with 2 targets each among 100 genes, each gene causing 4 of 400 diseases.
struct MechanismShape {
  std::int32_t drugs = 600;
  std::int32_t genes = 100;
  std::int32_t diseases = 400;
  std::int32_t targets_per_drug = 2;
  std::int32_t genes_per_disease = 1;  // divides `genes`
  std::int32_t annotations = 100;      // effects, phenotypes
  std::int32_t noise_edges = 4;        // of each node that has a kind of noise
};

// A drug targets genes (drug_protein), genes cause diseases (disease_protein), and a drug treats a
// disease (indication) exactly where one of its targets is one of the disease's genes. Every drug
// has the same number of targets, every gene causes as many diseases and every disease has as many
// genes, so degrees say next to nothing about a pair, while a path of two edges tells it. Noise
// that tells nothing: effects of drugs (drug_effect), phenotypes of diseases
// (disease_phenotype_positive) and interactions of genes (protein_protein), all at random.
void generate_mechanism(const MechanismShape& shape, std::uint64_t seed, const TextSink& sink);

// All pieces in one text.
std::string collected(const std::function<void(const TextSink&)>& generate);

}  // namespace hgnn_moe::kg
