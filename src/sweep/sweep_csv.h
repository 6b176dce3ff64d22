// sweep.json's rows for spreadsheets.
#pragma once

#include <string>

#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

// A line a row and a column a varied option, after RFC 4180 but for its line ends.
std::string csv_of(const Json& sweep);

}  // namespace hgnn_moe
