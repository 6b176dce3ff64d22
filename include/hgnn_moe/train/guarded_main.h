// What every program does around its work: it turns errors into messages and exit codes.
#pragma once

#include <functional>
#include <string>

namespace hgnn_moe {

// Calls `run` and returns its exit code. An error goes to standard error after the name of the
// program, and its code is returned; where memory ran out, `advice` completes the message. Before
// that, standard descriptors are opened where they are closed, and a closed pipe or a limit on the
// size of files becomes an error of write().
int guarded_main(const char* program, const std::function<int()>& run,
                 const std::function<std::string()>& advice);

}  // namespace hgnn_moe
