// Why JSON could not be read, in words for people.
#pragma once

#include <string>

#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

// What the library says went wrong, without its own name and number, nor the place of a syntax
// error: "key 'status' not found".
std::string cause_of(const Json::exception& error);

}  // namespace hgnn_moe
