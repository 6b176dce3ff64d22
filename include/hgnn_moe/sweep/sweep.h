// What --sweep does.
#pragma once

#include "hgnn_moe/config/train_options.h"

namespace hgnn_moe {

// Runs the sweep that `parsed` names, prints it, or exports it. Returns 0, or 128 + n where signal
// n stopped it after its runs had saved. Throws Error: of code rows_failed, with a line a row,
// where it came to its end and not all rows are done.
int run_sweep(const ParsedConfig& parsed);

}  // namespace hgnn_moe
