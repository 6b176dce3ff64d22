// How much memory is left for this process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace hgnn_moe {

// Bytes that the machine (MemAvailable of /proc/meminfo) and the limits of the process's cgroup and
// of those around it still leave, whichever leave least; file cache counts as free where it can be
// dropped. Nothing where no file tells. `root` is where the folders proc and sys lie.
std::optional<std::int64_t> available_memory(const std::filesystem::path& root = "/");

// How many processes the kernel has killed so far because memory ran out, in this process's cgroup
// or, where that does not tell, on the machine; 0 where no file tells.
std::int64_t memory_kills(const std::filesystem::path& root = "/");

}  // namespace hgnn_moe
