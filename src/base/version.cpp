#include "hgnn_moe/base/version.h"

#include "hgnn_moe_commit.h"

namespace hgnn_moe {

std::string project_version() { return HGNN_MOE_VERSION; }

std::string project_commit() { return HGNN_MOE_COMMIT; }

}  // namespace hgnn_moe
