#include "hgnn_moe/model/forward_context.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/philox.h"

namespace hgnn_moe {

ops::DropoutStream ForwardContext::dropout(std::int64_t layer, std::int64_t expert,
                                           DropoutPlace place) const {
  if (!training || dropout_rate == 0.0) return {};
  HGNN_MOE_ASSERT(layer < (1 << 14) && expert < (1 << 14), "layer {}, expert {}", layer, expert);
  const auto site = static_cast<std::uint32_t>(layer) << 18 |
                    static_cast<std::uint32_t>(expert) << 4 | static_cast<std::uint32_t>(place);
  return {dropout_rate,
          philox_stream_key(seed, RandomPurpose::dropout, static_cast<std::uint64_t>(step), site)};
}

}  // namespace hgnn_moe
