#include "hgnn_moe/model/execution.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

CouplerPath resolve_path(const ModelConfig& config, CouplerPath path) {
  if (!config.has_coupler_layers()) return CouplerPath::batched;
  if (path == CouplerPath::automatic) {
    return config.can_collapse() ? CouplerPath::collapsed : CouplerPath::batched;
  }
  HGNN_MOE_ASSERT(path != CouplerPath::collapsed || config.can_collapse(),
                  "a coupler of type {} cannot collapse", to_string(config.coupler_type));
  return path;
}

ExpertPath resolve_path(ExpertPath path) {
  return path == ExpertPath::automatic ? ExpertPath::fused : path;
}

}  // namespace hgnn_moe
