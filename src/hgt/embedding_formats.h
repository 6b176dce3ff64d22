// The formats of embedding_file.h, one file each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/hgt/embedding_file.h"
#include "hgnn_moe/kg/records.h"
#include "hgnn_moe/kg/text_list.h"

namespace hgnn_moe::hgt {

Embeddings read_safetensors_embeddings(const std::filesystem::path& path);
void write_safetensors_embeddings(const std::filesystem::path& path, const Embeddings& embeddings);

Embeddings read_npy_embeddings(const std::filesystem::path& path, const std::filesystem::path& ids);
void write_npy_embeddings(const std::filesystem::path& path, const Embeddings& embeddings);

// `name` is the file's in errors.
Embeddings read_csv_embeddings(std::string_view text, const std::string& name);
void write_csv_embeddings(const std::filesystem::path& path, const Embeddings& embeddings);

// The columns that describe a node, in files of text.
inline constexpr const char* kIdColumn = "node_id";
inline constexpr const char* kNameColumn = "node_name";
inline constexpr const char* kTypeColumn = "node_type";

// The place of a column in a header; nothing where it is missing. Twice goes to `errors`.
std::optional<std::size_t> find_column(const std::vector<std::string>& header,
                                       std::string_view name, kg::ErrorList& errors);

// Ids, names and types of the nodes of a text file, row by row.
class NodeRows {
 public:
  // Throws Error(data) where the header has no node_id.
  NodeRows(const std::vector<std::string>& header, kg::ErrorList& errors);

  // What is wrong goes to the errors.
  void add(const kg::Records& records);

  std::int64_t size() const { return ids_.size(); }
  void move_into(Embeddings& embeddings) &&;

 private:
  std::int32_t type_number(std::string_view type);

  kg::ErrorList& errors_;
  std::optional<std::size_t> id_column_, name_column_, type_column_;
  kg::TextList ids_, names_;
  std::vector<std::int32_t> types_;
  std::vector<std::string> type_names_;
  std::map<std::string, std::int32_t, std::less<>> type_numbers_;
};

// The header of a text file, and what it says of a node: id, name and, of a typed one, type.
std::vector<std::string_view> description_columns(const Embeddings& embeddings);
std::vector<std::string_view> description_of(const Embeddings& embeddings, std::int32_t node);

// Row numbers as ids, empty names, or one type, for what a file lacks.
void number_nodes(Embeddings& embeddings);
void leave_unnamed(Embeddings& embeddings);
void leave_untyped(Embeddings& embeddings);

// Text that is written in blocks; commit() last.
class BlockWriter {
 public:
  explicit BlockWriter(const std::filesystem::path& path) : file_(path) {}

  std::string& block() { return block_; }
  void end_row();
  void commit();

 private:
  static constexpr std::size_t kBlockSize = 1 << 20;

  AtomicFile file_;
  std::string block_;
};

}  // namespace hgnn_moe::hgt
