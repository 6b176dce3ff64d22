// The CPU cores of this process, and how many threads to start on them.
#pragma once

#include <cstdint>
#include <string>

namespace hgnn_moe {

// Those that it may run on: a container or taskset leaves fewer than the machine has.
int usable_cores();

// As many as asked for; for 0 one a core.
int resolve_threads(std::int64_t asked, int cores = usable_cores());

// Threads of one operation wait for each other, so that more than there are cores to run them slow
// it down. A sentence that says so where that is asked for, else "".
std::string threads_warning(std::int64_t asked, int cores = usable_cores());

}  // namespace hgnn_moe
