// Rules of options that take a text, for the tables of all programs.
#pragma once

#include <cstddef>
#include <string>

#include "hgnn_moe/config/option_table.h"

namespace hgnn_moe {

bool any_text(const std::string& text);

// One to `longest` digits.
bool all_digits(const std::string& text, std::size_t longest);

TextRule path_rule(const char* placeholder, const char* description);
TextRule device_rule();
// What parse_bytes of base/text.h reads.
TextRule memory_size_rule();
// A name that stays inside the folder it is joined to.
TextRule run_name_rule();

}  // namespace hgnn_moe
