#include "hgnn_moe/hgt/embedding_file.h"

#include <algorithm>
#include <utility>

#include "embedding_formats.h"
#include "embedding_rows.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {
namespace {

// The type of nodes without one.
constexpr const char* kUntyped = "node";

enum class Format { safetensors, npy, csv };

Format format_of(const std::filesystem::path& path) {
  const std::string ending = path.extension().string();
  if (ending == ".safetensors") return Format::safetensors;
  if (ending == ".npy") return Format::npy;
  if (ending == ".csv") return Format::csv;
  fail(ExitCode::usage,
       "embeddings: '{}' ends in no format of embeddings; give a .safetensors, .npy or .csv file",
       path.string());
}

Embeddings read_as(Format format, const std::filesystem::path& path,
                   const std::filesystem::path& ids) {
  switch (format) {
    case Format::safetensors:
      return read_safetensors_embeddings(path);
    case Format::npy:
      return read_npy_embeddings(path, ids);
    case Format::csv:
      break;
  }
  const MappedFile file(path, ExitCode::data);
  const ByteSpan bytes = file.bytes();
  return read_csv_embeddings({reinterpret_cast<const char*>(bytes.data), bytes.size},
                             path.string());
}

}  // namespace

Embeddings read_embeddings(const std::filesystem::path& path, const std::filesystem::path& ids) {
  const Format format = format_of(path);
  if (!ids.empty() && format != Format::npy) {
    fail(ExitCode::usage, "ids: '{}' is for a .npy file, and '{}' is none; leave it out",
         ids.string(), path.string());
  }
  Embeddings embeddings = read_as(format, path, ids);
  if (embeddings.values_NF.numel() == 0) {
    fail(ExitCode::data, "'{}' holds {} nodes with {} numbers each; give embeddings of some nodes",
         path.string(), embeddings.nodes(), embeddings.width());
  }
  check_keys(path, embeddings);
  return embeddings;
}

void write_embeddings(const std::filesystem::path& path, const Embeddings& embeddings) {
  const Format format = format_of(path);
  const auto nodes = static_cast<std::size_t>(embeddings.nodes());
  HGNN_MOE_ASSERT(embeddings.values_NF.is_contiguous() &&
                      embeddings.values_NF.scalar_type() == at::kFloat &&
                      embeddings.values_NF.is_cpu() && embeddings.node_types.size() == nodes &&
                      embeddings.node_ids.offsets.size() == nodes + 1 &&
                      embeddings.node_names.offsets.size() == nodes + 1,
                  "embeddings of {} nodes", nodes);
  if (format == Format::safetensors) write_safetensors_embeddings(path, embeddings);
  if (format == Format::npy) write_npy_embeddings(path, embeddings);
  if (format == Format::csv) write_csv_embeddings(path, embeddings);
}

std::optional<std::size_t> find_column(const std::vector<std::string>& header,
                                       std::string_view name, kg::ErrorList& errors) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end()) return std::nullopt;
  if (std::find(found + 1, header.end(), name) != header.end()) {
    errors.stop(1, "the header has the column '{}' twice; rename one", name);
  }
  return static_cast<std::size_t>(found - header.begin());
}

NodeRows::NodeRows(const std::vector<std::string>& header, kg::ErrorList& errors)
    : errors_(errors),
      id_column_(find_column(header, kIdColumn, errors)),
      name_column_(find_column(header, kNameColumn, errors)),
      type_column_(find_column(header, kTypeColumn, errors)) {
  if (!id_column_) {
    errors.stop(1, "the header has no column '{}'; begin the file with {}, {}, {}", kIdColumn,
                kIdColumn, kNameColumn, kTypeColumn);
  }
}

void NodeRows::add(const kg::Records& records) {
  const auto& fields = records.fields();
  const auto text = [&](std::optional<std::size_t> column, const char* name,
                        bool may_be_empty) -> std::string_view {
    if (!column) return {};
    const std::string_view field = fields[*column];
    if (field.empty() && !may_be_empty) {
      errors_.add(records.line(), "{} is empty; fill it in", name);
    }
    if (!kg::is_utf8(field)) {
      errors_.add(records.line(), "{} {} is not UTF-8; convert the file to UTF-8", name,
                  kg::shown(field));
    }
    return field;
  };
  ids_.add(text(id_column_, kIdColumn, false));
  names_.add(text(name_column_, kNameColumn, true));
  if (type_column_) types_.push_back(type_number(text(type_column_, kTypeColumn, false)));
}

std::int32_t NodeRows::type_number(std::string_view type) {
  const auto found = type_numbers_.find(type);
  if (found != type_numbers_.end()) return found->second;
  const auto number = static_cast<std::int32_t>(type_names_.size());
  type_names_.emplace_back(type);
  type_numbers_.emplace(type, number);
  return number;
}

void NodeRows::move_into(Embeddings& embeddings) && {
  embeddings.node_ids = std::move(ids_).share();
  embeddings.node_names = std::move(names_).share();
  embeddings.type_names = std::move(type_names_);
  embeddings.node_types = std::move(types_);
  if (!type_column_) leave_untyped(embeddings);
}

std::vector<std::string_view> description_columns(const Embeddings& embeddings) {
  std::vector<std::string_view> columns = {kIdColumn, kNameColumn};
  if (embeddings.is_typed) columns.push_back(kTypeColumn);
  return columns;
}

std::vector<std::string_view> description_of(const Embeddings& embeddings, std::int32_t node) {
  std::vector<std::string_view> fields = {embeddings.node_ids[node], embeddings.node_names[node]};
  if (embeddings.is_typed) {
    fields.push_back(embeddings.type_names[static_cast<std::size_t>(embeddings.node_types[node])]);
  }
  return fields;
}

void number_nodes(Embeddings& embeddings) {
  kg::TextList ids;
  for (std::int64_t node = 0; node < embeddings.nodes(); ++node) ids.add(std::to_string(node));
  embeddings.node_ids = std::move(ids).share();
  embeddings.notes.push_back("the file has no ids of nodes: they are called by their rows, from 0");
}

void leave_unnamed(Embeddings& embeddings) {
  kg::TextList names;
  for (std::int64_t node = 0; node < embeddings.nodes(); ++node) names.add("");
  embeddings.node_names = std::move(names).share();
}

void leave_untyped(Embeddings& embeddings) {
  embeddings.is_typed = false;
  embeddings.type_names = {kUntyped};
  embeddings.node_types.assign(static_cast<std::size_t>(embeddings.nodes()), 0);
  embeddings.notes.push_back("the file has no types of nodes: all are taken as of one type");
}

void BlockWriter::end_row() {
  block_ += '\n';
  if (block_.size() < kBlockSize) return;
  file_.write(block_.data(), block_.size());
  block_.clear();
}

void BlockWriter::commit() {
  file_.write(block_.data(), block_.size());
  file_.commit();
}

}  // namespace hgnn_moe::hgt
