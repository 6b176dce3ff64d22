// Names of options in the errors of looking something up.
#pragma once

#include <fmt/format.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {

// What `find` returns. Its errors name what was looked up, and with this the option that it came
// from.
template <typename Find>
auto found_for(const char* option, Find find) {
  try {
    return find();
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", option, error.what()));
  }
}

}  // namespace hgnn_moe::hgt
