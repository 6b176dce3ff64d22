// Weightings by the names that operators take.
#pragma once

#include <string_view>

#include <c10/util/Exception.h>

#include "hgnn_moe/ops/hypergraph.h"

namespace hgnn_moe::ops {

inline std::string_view name_of(Weighting weighting) {
  return weighting == Weighting::pyg ? "pyg" : "paper";
}

// Throws c10::ValueError on another name.
inline Weighting weighting_named(std::string_view name) {
  TORCH_CHECK_VALUE(name == "pyg" || name == "paper", "weighting is '", name,
                    "', it can be 'pyg' or 'paper'");
  return name == "pyg" ? Weighting::pyg : Weighting::paper;
}

}  // namespace hgnn_moe::ops
