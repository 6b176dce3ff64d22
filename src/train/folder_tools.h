// Work on folders with errors of ours.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace hgnn_moe {

// The paths in a folder; none where it does not exist. Throws Error(disk).
std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder);

// Removes a file or a folder with its content; nothing where it does not exist. Throws
// Error(disk).
void remove_tree(const std::filesystem::path& path);

void rename_path(const std::filesystem::path& from, const std::filesystem::path& to);

// Whether `name` is what a process killed while it wrote AtomicFile `file` leaves: FILE.PID.tmp.
bool is_leftover_of(const std::string& name, const std::string& file);

}  // namespace hgnn_moe
