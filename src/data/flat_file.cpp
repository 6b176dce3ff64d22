#include "hgnn_moe/data/flat_file.h"

#include <cstring>
#include <string>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/npy.h"

namespace hgnn_moe::data {
namespace {

constexpr std::int32_t kLlmcMagic = 20240520;
constexpr std::int32_t kLlmcLlamaMagic = 20240801;
constexpr std::size_t kLlmcHeaderSize = 1024;

TokenType token_type_of_npy(const MappedFile& file, NpyType type) {
  switch (type) {
    case NpyType::u2:
      return TokenType::u16;
    case NpyType::u4:
      return TokenType::u32;
    case NpyType::i4:
      return TokenType::i32;
    case NpyType::i8:
      return TokenType::i64;
    case NpyType::f2:
    case NpyType::f4:
    case NpyType::f8:
      break;
  }
  fail(ExitCode::data,
       "{}: its elements are real numbers, not token ids; save them as uint16, uint32, int32 or "
       "int64",
       file.path().string());
}

TokenArray npy_tokens(const MappedFile& file) {
  const NpyArray array = read_npy_header(file, ExitCode::data);
  if (array.shape.size() != 1) {
    fail(ExitCode::data, "{}: the array has {} dimensions; save the token ids as one row of one",
         file.path().string(), array.shape.size());
  }
  return {file.path().string(), array.data_offset, token_type_of_npy(file, array.type),
          file.bytes().data + array.data_offset, static_cast<std::int64_t>(array.count)};
}

TokenArray llmc_tokens(const MappedFile& file) {
  const ByteSpan bytes = file.bytes();
  const std::string name = file.path().string();
  if (bytes.size < kLlmcHeaderSize) {
    fail(ExitCode::data,
         "{}: {} bytes are fewer than the {} of an llm.c header; the file is truncated, copy or "
         "prepare it again",
         name, bytes.size, kLlmcHeaderSize);
  }
  std::int32_t version = 0;
  std::int32_t count = 0;
  std::memcpy(&version, bytes.data + 4, sizeof(version));
  std::memcpy(&count, bytes.data + 8, sizeof(count));
  if (version != 1) {
    fail(ExitCode::data, "{}: llm.c data version {} is not supported; write it as version 1", name,
         version);
  }
  const std::size_t payload = bytes.size - kLlmcHeaderSize;
  if (std::int64_t{count} * 2 != static_cast<std::int64_t>(payload)) {
    fail(ExitCode::data,
         "{}: its header announces {} tokens of 2 bytes, but {} bytes follow it; the file is "
         "truncated or damaged, copy or prepare it again",
         name, count, payload);
  }
  return {name, kLlmcHeaderSize, TokenType::u16, bytes.data + kLlmcHeaderSize, count};
}

TokenArray nanogpt_tokens(const MappedFile& file) {
  const ByteSpan bytes = file.bytes();
  if (bytes.size % sizeof(std::uint16_t) != 0) {
    fail(ExitCode::data,
         "{}: its {} bytes are no multiple of the 2 bytes of a token id (no .idx is beside it, so "
         "it is read as raw uint16); the file is truncated or of another format, copy or prepare "
         "it again",
         file.path().string(), bytes.size);
  }
  return {file.path().string(), 0, TokenType::u16, bytes.data,
          static_cast<std::int64_t>(bytes.size / sizeof(std::uint16_t))};
}

std::string format_of(const MappedFile& file) {
  if (file.path().extension() == ".npy") return "npy";
  std::int32_t magic = 0;
  if (file.bytes().size >= sizeof(magic)) std::memcpy(&magic, file.bytes().data, sizeof(magic));
  if (magic == kLlmcLlamaMagic) {
    fail(ExitCode::data,
         "{}: llm.c's uint32 format for Llama tokens (magic {}) is not supported; convert it to "
         ".npy of uint32",
         file.path().string(), magic);
  }
  return magic == kLlmcMagic ? "llm.c" : "nanoGPT";
}

TokenArray flat_tokens(const MappedFile& file, const std::string& format) {
  if (format == "npy") return npy_tokens(file);
  return format == "llm.c" ? llmc_tokens(file) : nanogpt_tokens(file);
}

}  // namespace

FlatFile::FlatFile(const std::filesystem::path& path)
    : file_(path, ExitCode::data), format_(format_of(file_)), tokens_(flat_tokens(file_, format_)) {
  if (tokens_.count == 0) {
    fail(ExitCode::data, "{}: there is no token in it; prepare it from a text that is not empty",
         tokens_.path);
  }
}

void FlatFile::read(std::int64_t first, std::int64_t count, std::int64_t* out) const {
  read_tokens(tokens_, first, count, out);
}

}  // namespace hgnn_moe::data
