#include "folder_tools.h"

#include <algorithm>
#include <cctype>
#include <system_error>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;

void check(const std::error_code& error, const char* action, const fs::path& path) {
  if (error) {
    fail(ExitCode::disk, "cannot {} '{}': {}; check the folder's permissions", action,
         path.string(), error.message());
  }
}

}  // namespace

std::vector<fs::path> list_folder(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  if (error == std::errc::no_such_file_or_directory) {
    return paths;
  }
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    paths.push_back(entry->path());
  }
  check(error, "list", folder);
  return paths;
}

void remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  check(error, "remove", path);
}

void rename_path(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  check(error, "rename", from);
}

bool is_leftover_of(const std::string& name, const std::string& file) {
  const std::string prefix = file + ".";
  const std::string suffix = ".tmp";
  if (name.size() <= prefix.size() + suffix.size() || name.compare(0, prefix.size(), prefix) != 0 ||
      name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0) {
    return false;
  }
  return std::all_of(name.begin() + static_cast<std::ptrdiff_t>(prefix.size()),
                     name.end() - static_cast<std::ptrdiff_t>(suffix.size()),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace hgnn_moe
