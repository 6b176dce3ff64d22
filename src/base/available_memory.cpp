#include "hgnn_moe/base/available_memory.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;

// How a version of cgroups tells of memory.
struct CgroupVersion {
  const char* controllers;   // of its line in /proc/self/cgroup
  const char* folder;        // where the groups lie
  const char *limit, *used;  // a group's files of one number
  const char* cache;         // in its memory.stat: the part of `used` that can be dropped
  const char* events;        // a group's file with a line "oom_kill N"
};

constexpr CgroupVersion kCgroupVersions[] = {
    {"", "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file ", "memory.events"},
    {"memory", "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file ", "memory.oom_control"}};

// The number behind `key` at the beginning of a line; nothing where there is none, as in the limit
// "max".
std::optional<std::int64_t> number_in(const fs::path& path, const std::string& key = "") {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size(), key) != 0) continue;
    std::istringstream rest(line.substr(key.size()));
    std::int64_t number = 0;
    if (rest >> number) return number;
  }
  return std::nullopt;
}

// The process's own group: the path behind "ID:CONTROLLERS:".
std::optional<fs::path> own_group(const fs::path& root, const std::string& controllers) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.substr(first + 1, second - first - 1) == controllers) return line.substr(second + 1);
  }
  return std::nullopt;
}

// A limit binds all groups below. Where a container does not show a group under its name, the
// topmost one is its own.
void append_left_in_groups(const fs::path& root, const CgroupVersion& version,
                           std::vector<std::int64_t>& bytes) {
  const auto own = own_group(root, version.controllers);
  if (!own) return;
  for (fs::path group = *own;; group = group.parent_path()) {
    const fs::path folder = root / version.folder / group.relative_path();
    const auto limit = number_in(folder / version.limit), used = number_in(folder / version.used);
    if (limit && used) {
      const std::int64_t cache = number_in(folder / "memory.stat", version.cache).value_or(0);
      // What is counted at another moment may be more than all; no limit is the largest number.
      bytes.push_back(*limit - std::max<std::int64_t>(0, *used - cache));
    }
    if (!group.has_relative_path()) return;
  }
}

}  // namespace

std::optional<std::int64_t> available_memory(const fs::path& root) {
  std::vector<std::int64_t> bytes;
  if (const auto kib = number_in(root / "proc/meminfo", "MemAvailable:")) {
    bytes.push_back(1024 * *kib);
  }
  for (const CgroupVersion& version : kCgroupVersions) append_left_in_groups(root, version, bytes);
  if (bytes.empty()) return std::nullopt;
  return std::max<std::int64_t>(0, *std::min_element(bytes.begin(), bytes.end()));
}

std::int64_t memory_kills(const fs::path& root) {
  constexpr char kKey[] = "oom_kill ";
  for (const CgroupVersion& version : kCgroupVersions) {
    const auto own = own_group(root, version.controllers);
    if (!own) continue;
    // Under its own name, or, where a container does not show that, as the topmost one.
    for (const fs::path& group : {*own, fs::path("/")}) {
      const fs::path folder = root / version.folder / group.relative_path();
      if (const auto kills = number_in(folder / version.events, kKey)) return *kills;
    }
  }
  return number_in(root / "proc/vmstat", kKey).value_or(0);
}

}  // namespace hgnn_moe
