// What became of a child, in words for a table.
#pragma once

#include <string>

#include "hgnn_moe/base/child_process.h"

namespace hgnn_moe {

inline constexpr char kDiskReason[] = "disk";

enum class ChildStatus { done, failed, stopped };

struct ChildOutcome {
  ChildStatus status = ChildStatus::done;
  std::string reason;   // of a failed one: diverged, out_of_memory, bad_options, ...
  std::string message;  // its error
};

// Of a child that is `program`, ended so and wrote `said`, the program's error last;
// `memory_ran_out` tells that the kernel killed a process for lack of memory meanwhile. One that
// SIGINT, SIGTERM or SIGHUP ended, or that returned 128 plus one of them, was stopped.
ChildOutcome outcome_of_child(const ChildEnd& end, const std::string& program,
                              const std::string& said, bool memory_ran_out = false);

// The reason of a child that returned `exit_code`, which is not 0.
std::string reason_of_exit(int exit_code);

}  // namespace hgnn_moe
