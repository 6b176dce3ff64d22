// What --dry_run prints.
#pragma once

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {

// One object: config, parameters, memory in bytes, steps and tokens (both null without data).
// Nothing is allocated or written. Throws Error(usage) where there are neither data nor
// vocab_size.
Json dry_run_record(const ParsedConfig& parsed);

}  // namespace hgnn_moe
