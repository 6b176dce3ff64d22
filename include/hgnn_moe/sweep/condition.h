// Conditions on the options of a run: {"num_experts": [2, 4], "embed_dim": {"min": 128}}.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/error_list.h"

namespace hgnn_moe {

// On one option: its value is one of `values`, or a number within the bounds where there are none.
struct Condition {
  std::string option;
  std::vector<Json> values;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
};

using Conditions = std::vector<Condition>;

// Reads an object of options and conditions. What is wrong with it goes into `errors`, each
// sentence beginning with `where`.
Conditions read_conditions(const Json& object, const std::string& where, ErrorList& errors);

// Whether the resolved configuration `config` (see to_json) meets all of them.
bool meets(const Conditions& conditions, const Json& config);

// "num_experts is 2 or 4 and embed_dim is at least 128".
std::string describe(const Conditions& conditions);

}  // namespace hgnn_moe
