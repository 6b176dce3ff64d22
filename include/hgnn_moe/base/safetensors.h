// The safetensors format (https://huggingface.co/docs/safetensors): an 8-byte little-endian header
// length, a JSON header that gives each tensor's type, shape and byte range, then the data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"

namespace hgnn_moe {

enum class ScalarType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

std::size_t element_size(ScalarType type);  // bytes
const char* format_name(ScalarType type);   // "F32", "BF16", "BOOL" ... as in the header

struct TensorEntry {
  std::string name;
  ScalarType type = ScalarType::f32;
  std::vector<std::int64_t> shape;  // empty for a scalar
  std::size_t begin = 0;            // byte range [begin, end) within the data section
  std::size_t end = 0;
};

// A file opened for reading. The constructor checks all of the header, so that every entry's data
// are inside the mapping; it throws Error(on_error) naming the file and the cause.
class SafetensorsFile {
 public:
  SafetensorsFile(const std::filesystem::path& path, ExitCode on_error);

  const std::filesystem::path& path() const { return file_.path(); }
  const std::vector<TensorEntry>& entries() const { return entries_; }  // in data order
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const TensorEntry* find(const std::string& name) const;  // null where there is none

  // The mapped bytes of `entry`. Other writers may leave them unaligned for their type: copy them
  // with memcpy, never cast the pointer.
  const std::byte* data(const TensorEntry& entry) const;

  // See MappedFile.
  void release() const { file_.release(); }

 private:
  MappedFile file_;
  std::size_t data_offset_ = 0;
  std::vector<TensorEntry> entries_;
  std::unordered_map<std::string, std::size_t> index_of_;
  std::map<std::string, std::string> metadata_;
};

struct TensorToWrite {
  std::string name;
  ScalarType type = ScalarType::f32;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;  // contiguous, C order
};

// Writes `tensors` in the given order, atomically; equal arguments give equal bytes. Returns
// xxh3_hex of the whole file. Throws Error(disk).
std::string write_safetensors(const std::filesystem::path& path,
                              const std::vector<TensorToWrite>& tensors,
                              const std::map<std::string, std::string>& metadata);

}  // namespace hgnn_moe
