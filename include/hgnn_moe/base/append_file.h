// A file that grows piece by piece while others read it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace hgnn_moe {

// Opened for appending, made where it is missing. A piece is in the file when append() returns, and
// a killed process leaves at most one unfinished piece, at its end. Every failure throws
// Error(disk) naming the path and the system's reason.
class AppendFile {
 public:
  explicit AppendFile(std::filesystem::path path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::int64_t length() const { return length_; }  // bytes

  // A piece that did not fit is taken back.
  void append(std::string_view piece);

  // Makes everything so far durable.
  void sync();

  char byte_at(std::int64_t position) const;

  void truncate_to(std::int64_t length);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t length_ = 0;
};

}  // namespace hgnn_moe
