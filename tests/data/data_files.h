// Small data files for the tests, written byte by byte from the formats' descriptions.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/data/token_source.h"

namespace hgnn_moe::data::testing {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "hgnn_moe_data_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed: " + name);
    path_ = name;
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const fs::path& path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

inline void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  file.close();
  ASSERT_TRUE(file) << path;
}

inline std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Appends the little-endian bytes of `value`.
template <typename T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T, typename Values>
std::string bytes_of(const Values& values) {
  std::string bytes;
  for (const auto value : values) append(bytes, static_cast<T>(value));
  return bytes;
}

using Document = std::vector<std::int64_t>;

// The parts of an .idx, so that tests can damage each of them.
struct Index {
  std::string magic{"MMIDIDX\0\0", 9};
  std::uint64_t version = 1;
  std::uint8_t type_code = 8;
  std::vector<std::int32_t> sizes;
  std::vector<std::int64_t> offsets;
  std::vector<std::int64_t> boundaries{0};

  std::string bytes() const {
    std::string result = magic;
    append(result, version);
    append(result, type_code);
    append(result, std::uint64_t{sizes.size()});
    append(result, std::uint64_t{boundaries.size()});
    return result + bytes_of<std::int32_t>(sizes) + bytes_of<std::int64_t>(offsets) +
           bytes_of<std::int64_t>(boundaries);
  }
};

// One sequence a document, ids of `id_bytes` bytes.
inline Index index_of(const std::vector<Document>& documents, std::int64_t id_bytes = 2) {
  Index index;
  std::int64_t offset = 0;
  for (const Document& document : documents) {
    index.sizes.push_back(static_cast<std::int32_t>(document.size()));
    index.offsets.push_back(offset);
    index.boundaries.push_back(static_cast<std::int64_t>(index.sizes.size()));
    offset += static_cast<std::int64_t>(document.size()) * id_bytes;
  }
  return index;
}

inline Document concatenated(const std::vector<Document>& documents) {
  Document all;
  for (const Document& document : documents) {
    all.insert(all.end(), document.begin(), document.end());
  }
  return all;
}

// STEM.bin and STEM.idx of uint16 ids.
inline void write_indexed(const fs::path& folder, const std::string& stem,
                          const std::vector<Document>& documents) {
  write_bytes(folder / (stem + ".bin"), bytes_of<std::uint16_t>(concatenated(documents)));
  write_bytes(folder / (stem + ".idx"), index_of(documents).bytes());
}

inline std::string npy_bytes(const std::string& type, const std::string& shape,
                             const std::string& payload) {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  append(bytes, static_cast<std::uint16_t>(header.size()));
  return bytes + header + payload;
}

inline std::string llmc_bytes(const Document& tokens, std::int32_t magic = 20240520,
                              std::int32_t version = 1) {
  std::vector<std::int32_t> header(256, 0);
  header[0] = magic;
  header[1] = version;
  header[2] = static_cast<std::int32_t>(tokens.size());
  return bytes_of<std::int32_t>(header) + bytes_of<std::uint16_t>(tokens);
}

// first, first + 1, ... : `count` ids.
inline Document counting(std::int64_t first, std::int64_t count) {
  Document ids(count);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

inline Document read_document(const Documents& documents, std::int64_t document) {
  Document ids(documents.length(document));
  documents.read(document, 0, documents.length(document), ids.data());
  return ids;
}

// Runs `action`, which must throw an Error with this code and a one-line message that contains
// every fragment.
inline void expect_error(ExitCode code, const std::vector<std::string>& fragments,
                         const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const std::string& fragment : fragments) {
      EXPECT_NE(message.find(fragment), std::string::npos)
          << "\"" << fragment << "\" is not in: " << message;
    }
  }
}

}  // namespace hgnn_moe::data::testing
