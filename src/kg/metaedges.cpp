#include "hgnn_moe/kg/metaedges.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace hgnn_moe::kg {
namespace {

// Of Hetionet 1.0 (Himmelstein et al., "Systematic integration of biomedical knowledge prioritizes
// drugs for repurposing", eLife 2017, table 2).
constexpr std::array<Metaedge, 24> kMetaedges = {{
    {"AdG", "Anatomy", "downregulates", "Gene"},
    {"AeG", "Anatomy", "expresses", "Gene"},
    {"AuG", "Anatomy", "upregulates", "Gene"},
    {"CbG", "Compound", "binds", "Gene"},
    {"CcSE", "Compound", "causes", "Side Effect"},
    {"CdG", "Compound", "downregulates", "Gene"},
    {"CpD", "Compound", "palliates", "Disease"},
    {"CrC", "Compound", "resembles", "Compound"},
    {"CtD", "Compound", "treats", "Disease"},
    {"CuG", "Compound", "upregulates", "Gene"},
    {"DaG", "Disease", "associates", "Gene"},
    {"DdG", "Disease", "downregulates", "Gene"},
    {"DlA", "Disease", "localizes", "Anatomy"},
    {"DpS", "Disease", "presents", "Symptom"},
    {"DrD", "Disease", "resembles", "Disease"},
    {"DuG", "Disease", "upregulates", "Gene"},
    {"GcG", "Gene", "covaries", "Gene"},
    {"GiG", "Gene", "interacts", "Gene"},
    {"GpBP", "Gene", "participates", "Biological Process"},
    {"GpCC", "Gene", "participates", "Cellular Component"},
    {"GpMF", "Gene", "participates", "Molecular Function"},
    {"GpPW", "Gene", "participates", "Pathway"},
    {"Gr>G", "Gene", "regulates", "Gene"},
    {"PCiC", "Pharmacologic Class", "includes", "Compound"},
}};

}  // namespace

const Metaedge* find_metaedge(std::string_view abbreviation) {
  const auto found =
      std::find_if(kMetaedges.begin(), kMetaedges.end(),
                   [&](const Metaedge& metaedge) { return metaedge.abbreviation == abbreviation; });
  return found == kMetaedges.end() ? nullptr : &*found;
}

std::optional<std::string> title_of_metaedge(std::string_view abbreviation) {
  const Metaedge* metaedge = find_metaedge(abbreviation);
  if (metaedge == nullptr) return std::nullopt;
  return fmt::format("({}, {}, {})", metaedge->head_type, metaedge->relation, metaedge->tail_type);
}

}  // namespace hgnn_moe::kg
