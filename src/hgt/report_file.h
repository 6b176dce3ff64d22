// Files that a command writes where the user says.
#pragma once

#include <filesystem>
#include <string>

#include "hgnn_moe/base/json.h"

namespace hgnn_moe::hgt {

// Called before the work, so that a wrong place does not cost it. Throws Error(usage) where `path`
// is a file that hgt_embed train or compare wrote into a run's folder, Error(disk) where nothing
// can be written there; a temporary file beside it is made and removed again. "" is no file.
void expect_writable(const std::string& path);

// Into `path`, whole or not at all; nothing where it is "". Throws Error(disk).
void write_report(const std::string& path, const Json& record);

}  // namespace hgnn_moe::hgt
