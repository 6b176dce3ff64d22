// Megatron's indexed format: NAME.bin holds the ids of all sequences, NAME.idx where they are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/data/token_array.h"
#include "hgnn_moe/data/token_source.h"

namespace hgnn_moe::data {

// The index, little-endian and without alignment, as Megatron-core's IndexedDataset writes it:
//
//   offset  type       content
//        0  char[9]    "MMIDIDX\0\0"
//        9  u64        version, 1
//       17  u8         type of an id: 1 u8, 2 i8, 3 i16, 4 i32, 5 i64, 8 u16
//       18  u64        S, number of sequences
//       26  u64        D, number of document boundaries (documents + 1)
//       34  i32[S]     tokens of each sequence
//           i64[S]     byte offset of each sequence in the .bin
//           i64[D]     document d is sequences [boundary d, boundary d + 1)
//
// Both files are memory-mapped; 16 bytes a document are held beside them. Documents without a
// token are left out and counted.
class IndexedFile : public Documents {
 public:
  // Opens bin_path and the .idx beside it. Throws Error(data) unless the index is consistent:
  // every sequence lies inside the .bin and the boundaries cover all sequences.
  explicit IndexedFile(const std::filesystem::path& bin_path);

  void read(std::int64_t document, std::int64_t first, std::int64_t count,
            std::int64_t* out) const override;

  const TokenArray& tokens() const { return tokens_; }  // the whole .bin
  ByteSpan index_bytes() const { return index_.bytes(); }
  std::int64_t empty_documents() const { return empty_documents_; }

 private:
  void parse_header();
  void check_sequences() const;
  void add_documents();
  std::int64_t sequence_length(std::int64_t sequence) const;
  std::int64_t sequence_offset(std::int64_t sequence) const;  // bytes
  std::int64_t boundary(std::int64_t document) const;

  MappedFile index_;
  MappedFile bin_;
  TokenArray tokens_;
  std::int64_t sequence_count_ = 0;
  std::int64_t boundary_count_ = 0;
  std::vector<std::int64_t> first_sequences_;  // of each document
  std::int64_t empty_documents_ = 0;
};

}  // namespace hgnn_moe::data
