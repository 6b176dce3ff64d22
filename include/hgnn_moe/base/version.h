// What this build is.
#pragma once

#include <string>

namespace hgnn_moe {

std::string project_version();  // e.g. "0.1.0"
std::string project_commit();   // git describe of the sources, "unknown" without git

}  // namespace hgnn_moe
