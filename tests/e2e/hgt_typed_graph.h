// A graph of drugs, genes and diseases in the format of PrimeKG's kg.csv, for runs of hgt_embed.
#pragma once

#include <string>

#include <fmt/format.h>

namespace hgnn_moe::e2e {

inline constexpr int kDrugs = 130, kGenes = 30, kDiseases = 12;

// Drugs D0 to D129 treat two of the diseases M0 to M11 and target two of the genes G0 to G29. A
// disease has six genes, of which the next one shares five.
inline std::string typed_graph() {
  std::string rows =
      "relation,display_relation,x_index,x_id,x_type,x_name,x_source,"
      "y_index,y_id,y_type,y_name,y_source\n";
  const auto add = [&](const char* relation, const std::string& x, const std::string& y) {
    rows += fmt::format("{0},{0},{1},{2}\n", relation, x, y);
  };
  const auto drug = [](int i) { return fmt::format("{0},D{0},drug,Drug {0},test", i); };
  const auto gene = [](int i) {
    return fmt::format("{},G{},gene/protein,Gene {},test", kDrugs + i, i, i);
  };
  const auto disease = [](int i) {
    return fmt::format("{},M{},disease,Disease {},test", kDrugs + kGenes + i, i, i);
  };
  for (int i = 0; i < kDrugs; ++i) {
    add("indication", drug(i), disease(i % kDiseases));
    add("indication", drug(i), disease((5 * i + i / kDiseases + 1) % kDiseases));
    add("drug_protein", drug(i), gene(i % kGenes));
    add("drug_protein", drug(i), gene((7 * i + 3) % kGenes));
  }
  for (int i = 0; i < kDiseases; ++i) {
    for (int g = 0; g < 6; ++g) add("disease_protein", disease(i), gene(i + g));
  }
  return rows;
}

}  // namespace hgnn_moe::e2e
