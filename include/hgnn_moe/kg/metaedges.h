// The relations of Hetionet by their abbreviations.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hgnn_moe::kg {

struct Metaedge {
  std::string_view abbreviation;  // "CtD"
  std::string_view head_type;     // "Compound"
  std::string_view relation;      // "treats"
  std::string_view tail_type;     // "Disease"
};

// Of the 24 of Hetionet 1.0; null for other texts.
const Metaedge* find_metaedge(std::string_view abbreviation);

// The title that a graph gives such a relation: "(Compound, treats, Disease)" for "CtD".
std::optional<std::string> title_of_metaedge(std::string_view abbreviation);

}  // namespace hgnn_moe::kg
