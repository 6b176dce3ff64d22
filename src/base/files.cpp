#include "hgnn_moe/base/files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;

constexpr int kReadFlags = O_RDONLY | O_CLOEXEC;

// A file descriptor closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool is_open() const { return value_ >= 0; }
  int get() const { return value_; }

 private:
  int value_;
};

std::string reason(int error_number) { return std::generic_category().message(error_number); }

[[noreturn]] void fail_to_read(const fs::path& path, int error_number, ExitCode code) {
  fail(code, "cannot read '{}': {}; check the path and its permissions", path.string(),
       reason(error_number));
}

[[noreturn]] void fail_to_write(const fs::path& path, int error_number) {
  fail(ExitCode::disk,
       "cannot write '{}': {}; free some space, fix the permissions or write to "
       "another place",
       path.string(), reason(error_number));
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

std::string read_text_file(const fs::path& path, ExitCode on_error) {
  const Descriptor file(::open(path.c_str(), kReadFlags));
  if (!file.is_open()) fail_to_read(path, errno, on_error);
  std::string text;
  std::array<char, 1 << 16> block;
  for (;;) {
    const ssize_t count = ::read(file.get(), block.data(), block.size());
    if (count == 0) return text;
    if (count > 0) {
      text.append(block.data(), static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      fail_to_read(path, errno, on_error);
    }
  }
}

std::size_t size_of_file(const fs::path& path) {
  std::error_code missing;
  const std::uintmax_t size = fs::file_size(path, missing);
  return missing ? 0 : static_cast<std::size_t>(size);
}

std::string text_from(const fs::path& path, std::size_t begin) {
  const std::string text = read_text_file(path, ExitCode::disk);
  return text.substr(std::min(begin, text.size()));
}

MappedFile::MappedFile(fs::path path, ExitCode on_error) : path_(std::move(path)) {
  // Not blocking: opening a named pipe would otherwise wait for its writer before it is refused.
  const Descriptor file(::open(path_.c_str(), kReadFlags | O_NONBLOCK));
  if (!file.is_open()) fail_to_read(path_, errno, on_error);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) fail_to_read(path_, errno, on_error);
  if (!S_ISREG(status.st_mode)) {
    fail(on_error, "'{}' is not a regular file; give the path of one", path_.string());
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;  // mmap refuses an empty range
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) fail_to_read(path_, errno, on_error);
  bytes_ = ByteSpan{static_cast<const std::byte*>(data), size};
}

MappedFile::~MappedFile() {
  if (bytes_.size > 0) ::munmap(const_cast<std::byte*>(bytes_.data), bytes_.size);
}

void MappedFile::release() const {
  // Of a mapping that nobody writes to, so that nothing is lost; a refusal costs memory alone.
  if (bytes_.size > 0) {
    (void)::madvise(const_cast<std::byte*>(bytes_.data), bytes_.size, MADV_DONTNEED);
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, ByteSpan{})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  std::error_code ignored;  // a path that cannot be examined fails in open below, with its reason
  const fs::file_status status = fs::status(path_, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    fail(ExitCode::disk,
         "cannot write '{}': it exists and is not a regular file; give another path",
         path_.string());
  }
  const fs::path temporary = path_.string() + "." + std::to_string(::getpid()) + ".tmp";
  // Without O_EXCL: in a container a killed process and the next one may have the same number.
  descriptor_ = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_to_write(path_, errno);
  temporary_ = temporary;
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, std::size_t size) {
  HGNN_MOE_ASSERT(descriptor_ >= 0, "write to '{}' after commit", path_.string());
  const char* rest = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(descriptor_, rest, size);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_to_write(path_, errno);
    }
    rest += written;
    size -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  HGNN_MOE_ASSERT(descriptor_ >= 0, "second commit of '{}'", path_.string());
  if (::fsync(descriptor_) != 0) fail_to_write(path_, errno);
  // Network file systems report some write errors only here.
  if (::close(std::exchange(descriptor_, -1)) != 0) fail_to_write(path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_to_write(path_, errno);
  temporary_.clear();
  sync_directory(folder_of(path_));
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content.data(), content.size());
  file.commit();
}

void write_standard_output(const std::string& text) {
  std::cout << text << std::flush;
  if (!std::cout.good()) {
    fail(ExitCode::disk, "standard output cannot be written; check where it is redirected to");
  }
}

void sync_directory(const fs::path& folder) {
  const Descriptor directory(::open(folder.c_str(), kReadFlags | O_DIRECTORY));
  if (!directory.is_open()) fail_to_write(folder, errno);
  // EINVAL: this file system has no such operation, so there is nothing to wait for.
  if (::fsync(directory.get()) != 0 && errno != EINVAL) fail_to_write(folder, errno);
}

void create_directories(const fs::path& folder) {
  std::vector<fs::path> missing;
  std::error_code error;
  for (fs::path path = folder; !path.empty() && !fs::exists(path, error);
       path = path.parent_path()) {
    missing.push_back(path);
  }
  fs::create_directories(folder, error);
  if (error) {
    fail(ExitCode::disk,
         "cannot create the folder '{}': {}; fix the permissions or choose another "
         "place",
         folder.string(), error.message());
  }
  // A power cut must not take a run folder that holds durable checkpoints.
  for (const fs::path& path : missing) sync_directory(folder_of(path));
}

FolderLock FolderLock::acquire(const fs::path& folder) {
  const fs::path path = folder / ".lock";
  FolderLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (lock.descriptor_ < 0) fail_to_write(path, errno);
  if (::flock(lock.descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      fail(ExitCode::usage,
           "the folder '{}' is in use by another process; wait for it to end or "
           "choose another folder",
           folder.string());
    }
    fail(ExitCode::disk, "cannot lock '{}': {}; choose a folder on a file system with locks",
         path.string(), reason(errno));
  }
  return lock;
}

bool FolderLock::is_held(const fs::path& folder) {
  try {
    acquire(folder);
    return false;
  } catch (const Error& error) {
    if (error.code() != ExitCode::usage) throw;
    return true;
  }
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

}  // namespace hgnn_moe
