#include "hgnn_moe/base/cores.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <sched.h>

namespace hgnn_moe {

int usable_cores() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) == 0) return CPU_COUNT(&cores);
  // More cores than the set has places for.
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

int resolve_threads(std::int64_t asked, int cores) {
  return asked > 0 ? static_cast<int>(asked) : cores;
}

std::string threads_warning(std::int64_t asked, int cores) {
  if (asked <= cores) return "";
  return fmt::format(
      "threads is {} and this process may use {} {}: threads without a core of their own make the "
      "others wait; give at most {}, or 0 for all",
      asked, cores, cores == 1 ? "core" : "cores", cores);
}

}  // namespace hgnn_moe
