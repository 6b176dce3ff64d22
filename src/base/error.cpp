#include "hgnn_moe/base/error.h"

namespace hgnn_moe::detail {

void assertion_failed(const char* condition, const char* file, int line,
                      const std::string& context) {
  throw InternalError(
      fmt::format("internal error: {} does not hold at {}:{} ({}); please report it", condition,
                  file, line, context));
}

}  // namespace hgnn_moe::detail
