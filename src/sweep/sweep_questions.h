// "questions" and "expected" of a sweep file: read by the report, checked here.
#pragma once

#include <string>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/error_list.h"

namespace hgnn_moe {

// Each part as it stands in `file`, an empty list where it has none. Mistakes go into `errors`.
Json read_questions(const Json& file, const std::string& path, ErrorList& errors);
Json read_expected(const Json& file, const std::string& path, ErrorList& errors);

}  // namespace hgnn_moe
