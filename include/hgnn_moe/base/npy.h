// NumPy's .npy files: little-endian arrays of one or two dimensions in C order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"

namespace hgnn_moe {

enum class NpyType { u2, u4, i4, i8, f2, f4, f8 };  // '<u2' ... '<f8'

std::size_t element_size(NpyType type);  // bytes

// What a header says; the elements start at byte `data_offset` of the file and end with it.
struct NpyArray {
  NpyType type = NpyType::f4;
  std::vector<std::size_t> shape;  // one or two dimensions
  std::size_t count = 0;           // elements
  std::size_t data_offset = 0;
};

// Reads and checks the header of `file`: format versions 1 to 3, a supported type, and a length
// that is exactly what type and shape need. Throws Error(on_error) naming file and cause.
NpyArray read_npy_header(const MappedFile& file, ExitCode on_error);

// Writes a [rows, columns] array of float32, atomically. Throws Error(disk).
void write_npy_f32(const std::filesystem::path& path, std::size_t rows, std::size_t columns,
                   const float* data);

}  // namespace hgnn_moe
