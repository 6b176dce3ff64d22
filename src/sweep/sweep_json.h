// Reading of a sweep file's parts: every mistake is noted with its place, and reading goes on.
#pragma once

#include <string>
#include <vector>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/error_list.h"
#include "hgnn_moe/config/option_table.h"

namespace hgnn_moe {

// {name: value}
Json object_of(const std::string& name, const Json& value);

// The option of this name; null, with an error at `where`, where there is none.
const OptionSpec* find_option(const std::string& name, const std::string& where, ErrorList& errors);

// Notes each key of `object` that is none of `known`.
void check_keys(const Json& object, const std::vector<std::string>& known, const std::string& where,
                ErrorList& errors);

// Notes where `value` is not of the kind: "write a list of ...".
bool expect_object(const Json& value, const std::string& where, const char* what,
                   ErrorList& errors);
bool expect_list(const Json& value, const std::string& where, const char* what, ErrorList& errors);
bool expect_text(const Json& value, const std::string& where, ErrorList& errors);

}  // namespace hgnn_moe
