// Files that are read whole or mapped, and files that appear whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {

// Bytes owned by someone else.
struct ByteSpan {
  const std::byte* data = nullptr;
  std::size_t size = 0;
};

// The whole content of a file or pipe. Throws Error(on_error) where it cannot be read.
std::string read_text_file(const std::filesystem::path& path, ExitCode on_error);

// Of a file that grows: the bytes it has, 0 where there is none, and its content from one of them
// on. The latter throws Error(disk) where it cannot be read.
std::size_t size_of_file(const std::filesystem::path& path);
std::string text_from(const std::filesystem::path& path, std::size_t begin);

// A regular file mapped read-only for the object's lifetime; an empty file gives an empty span.
// Files of ours are replaced by rename and never shortened in place, so a mapping stays valid
// while a new version appears under the same name.
class MappedFile {
 public:
  // Throws Error(on_error) naming the path and the system's reason.
  MappedFile(std::filesystem::path path, ExitCode on_error);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  ByteSpan bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

  // Takes what has been read out of the process's resident memory; reading it again is as before.
  void release() const;

 private:
  std::filesystem::path path_;
  ByteSpan bytes_;
};

// A file written under a temporary name beside `path` and renamed over it by commit(), so that a
// crash or a full disk leaves the old file as it was. Every failure throws Error(disk) naming the
// path and the system's reason. Writes are unbuffered: pass large blocks.
//
// The temporary is `path`.PID.tmp; only a killed process leaves one behind. A `path` that exists
// and is no regular file is refused, because a rename would replace a device such as /dev/null.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();  // removes the temporary where commit() was not reached
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, std::size_t size);

  // Makes the content durable, then visible, then its name durable. Call once, last.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

// AtomicFile in one call.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// Writes `text` to standard output and flushes it. Throws Error(disk) where that fails.
void write_standard_output(const std::string& text);

// Makes the names in `folder` durable: call after renaming something in it. Throws Error(disk).
void sync_directory(const std::filesystem::path& folder);

// Creates `folder` and its parents where they are missing. Throws Error(disk). Call it as
// hgnn_moe::create_directories: the argument's namespace offers one of the same name.
void create_directories(const std::filesystem::path& folder);

// Exclusive use of a folder by one process: an advisory lock on its file ".lock", released by the
// destructor and by the kernel when the process dies. The file itself stays, because removing it
// would let two processes lock two different files.
class FolderLock {
 public:
  // Throws Error(usage) where another holder has the folder, Error(disk) where it cannot be
  // locked at all.
  static FolderLock acquire(const std::filesystem::path& folder);
  // Whether another holder has it. Throws Error(disk) as acquire does.
  static bool is_held(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_ = -1;
};

}  // namespace hgnn_moe
