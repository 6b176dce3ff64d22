// Token files without document boundaries, for packed mode.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/data/token_array.h"
#include "hgnn_moe/data/token_source.h"

namespace hgnn_moe::data {

// A memory-mapped file in one of three formats:
//
//   NAME.npy  a one-dimensional array of uint16, uint32, int32 or int64
//   NAME.bin  llm.c, where the file starts with the int32 20240520: 256 int32 of header (magic,
//             version 1, number of tokens, zeros), then uint16 ids
//   NAME.bin  nanoGPT otherwise: uint16 ids and nothing else
//
// As ids of a nanoGPT file llm.c's magic would be 55432 and 308.
class FlatFile : public TokenStream {
 public:
  // Throws Error(data) where header and size disagree or there is no token.
  explicit FlatFile(const std::filesystem::path& path);

  std::int64_t size() const override { return tokens_.count; }
  void read(std::int64_t first, std::int64_t count, std::int64_t* out) const override;

  const TokenArray& tokens() const { return tokens_; }
  const std::string& format() const { return format_; }  // "npy", "llm.c" or "nanoGPT"
  ByteSpan header_bytes() const { return {file_.bytes().data, tokens_.offset}; }

 private:
  MappedFile file_;
  std::string format_;
  TokenArray tokens_;
};

}  // namespace hgnn_moe::data
