#include "hgnn_moe/base/append_file.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

[[noreturn]] void fail_with_errno(const char* action, const std::filesystem::path& path) {
  const std::string reason = std::strerror(errno);
  fail(ExitCode::disk, "cannot {} '{}': {}; free space or check its permissions", action,
       path.string(), reason);
}

}  // namespace

AppendFile::AppendFile(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_with_errno("open", path_);
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) {
    const int reason = errno;
    ::close(descriptor_);
    errno = reason;
    fail_with_errno("read", path_);
  }
  length_ = status.st_size;
}

AppendFile::~AppendFile() { ::close(descriptor_); }

void AppendFile::append(std::string_view piece) {
  std::size_t written = 0;
  while (written < piece.size()) {
    const ssize_t count = ::write(descriptor_, piece.data() + written, piece.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int reason = errno;
      // Best effort: who reads the file leaves an unfinished piece out.
      (void)!::ftruncate(descriptor_, length_);
      errno = reason;
      fail_with_errno("write", path_);
    }
    written += static_cast<std::size_t>(count);
  }
  length_ += static_cast<std::int64_t>(piece.size());
}

void AppendFile::sync() {
  if (::fsync(descriptor_) != 0) fail_with_errno("write", path_);
}

char AppendFile::byte_at(std::int64_t position) const {
  char byte = 0;
  if (::pread(descriptor_, &byte, 1, position) != 1) fail_with_errno("read", path_);
  return byte;
}

void AppendFile::truncate_to(std::int64_t length) {
  if (::ftruncate(descriptor_, length) != 0) fail_with_errno("truncate", path_);
  length_ = length;
}

}  // namespace hgnn_moe
