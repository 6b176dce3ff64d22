// Files of node embeddings: what hgt_embed writes, and what others write.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/kg/graph.h"

namespace hgnn_moe::hgt {

// N nodes with F numbers each. NaN and infinities are values like others.
struct Embeddings {
  at::Tensor values_NF;                  // float32 on the CPU, contiguous; N and F are at least 1
  std::vector<std::string> type_names;   // at least one
  std::vector<std::int32_t> node_types;  // [N], indices of type_names
  kg::TextArray node_ids;                // [N]; row numbers where the file has none
  kg::TextArray node_names;              // [N]; empty where the file has none
  bool is_typed = true;                  // or the file names no types, and all nodes are of one
  std::vector<std::string> notes;        // what the file lacks, for the log

  std::int64_t nodes() const { return values_NF.size(0); }
  std::int64_t width() const { return values_NF.size(1); }
};

// Reads a file by the end of its name:
// - .safetensors: the tensor `embeddings` [N, F] (F16, BF16, F32 or F64; kept as float32) and,
// where
//   they are, `node_type` [N] (I32 or I64), `node_ids.offsets` [N + 1] (I64) and `node_ids.bytes`
//   (U8, UTF-8), the same of `node_names`; metadata `node_types`, a JSON list of names.
// - .npy: [N, F] of <f2, <f4 or <f8, with `ids`, else NAME_ids.tsv beside NAME.npy: a row a node,
//   tab-separated, under a header with node_id and, where they are, node_name and node_type.
// - .csv (RFC 4180): node_id and, where they are, node_name and node_type, with columns emb_0 to
//   emb_F-1, where an empty field is NaN, or with one column `embedding` that holds all numbers of
//   a row: "[0.1, 0.2]" or "[0.1 0.2]", line breaks included.
// Throws Error(usage) for another ending and for `ids` of a file that is no .npy, Error(data) for
// what cannot be read, of text up to ten errors together, and for rows of the same type and id.
Embeddings read_embeddings(const std::filesystem::path& path,
                           const std::filesystem::path& ids = {});

// Writes such a file by the end of its name, atomically; of a .npy NAME_ids.tsv, too, which comes
// last. Reading it gives the same embeddings to the bit. Throws Error(usage) for another ending,
// Error(data) for a text that a .tsv cannot hold, Error(disk).
void write_embeddings(const std::filesystem::path& path, const Embeddings& embeddings);

}  // namespace hgnn_moe::hgt
