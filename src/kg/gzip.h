// gzip files (RFC 1952).
#pragma once

#include <string>

#include "hgnn_moe/kg/readers.h"

namespace hgnn_moe::kg {

bool is_gzip(std::string_view bytes);

// The content of a gzip file of one or several members. Throws Error(data) naming `file.name`.
std::string gunzip(const NamedText& file);

}  // namespace hgnn_moe::kg
