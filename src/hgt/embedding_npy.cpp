// Embeddings as NumPy arrays, with their nodes in a file of tab-separated values beside them.
#include <cstring>
#include <utility>

#include <ATen/ops/empty.h>
#include <fmt/ranges.h>

#include "embedding_formats.h"

#include "hgnn_moe/base/npy.h"

namespace hgnn_moe::hgt {
namespace {

std::filesystem::path ids_beside(std::filesystem::path path) {
  return path.replace_filename(path.stem().string() + "_ids.tsv");
}

at::ScalarType tensor_type(const MappedFile& file, NpyType type) {
  if (type == NpyType::f2) return at::kHalf;
  if (type == NpyType::f4) return at::kFloat;
  if (type == NpyType::f8) return at::kDouble;
  fail(ExitCode::data, "'{}' holds whole numbers; save the embeddings as float32",
       file.path().string());
}

at::Tensor read_values(const std::filesystem::path& path) {
  const MappedFile file(path, ExitCode::data);
  const NpyArray array = read_npy_header(file, ExitCode::data);
  if (array.shape.size() != 2) {
    fail(ExitCode::data, "'{}' has one dimension of {} numbers; save an array of [nodes, numbers]",
         path.string(), array.count);
  }
  const at::Tensor values_NF = at::empty(
      {static_cast<std::int64_t>(array.shape[0]), static_cast<std::int64_t>(array.shape[1])},
      tensor_type(file, array.type));
  if (array.count > 0) {
    std::memcpy(values_NF.data_ptr(), file.bytes().data + array.data_offset, values_NF.nbytes());
  }
  return values_NF.to(at::kFloat);
}

void read_ids(const std::filesystem::path& path, Embeddings& embeddings) {
  const MappedFile file(path, ExitCode::data);
  const ByteSpan bytes = file.bytes();
  kg::ErrorList errors(path.string());
  kg::Records records({reinterpret_cast<const char*>(bytes.data), bytes.size},
                      kg::Records::Format::tsv, errors);
  if (!records.next()) errors.stop(1, "there is no header; begin the file with {}", kIdColumn);
  const std::vector<std::string> header(records.fields().begin(), records.fields().end());
  NodeRows nodes(header, errors);
  while (records.next()) {
    if (records.fields().size() == header.size()) {
      nodes.add(records);
    } else {
      errors.add(records.line(), "there are {} fields and the header has {}; correct the line",
                 records.fields().size(), header.size());
    }
  }
  errors.throw_if_any();
  if (nodes.size() != embeddings.nodes()) {
    fail(ExitCode::data, "'{}' has {} nodes and the embeddings have {}; give the ids of the same",
         path.string(), nodes.size(), embeddings.nodes());
  }
  std::move(nodes).move_into(embeddings);
}

void add_field(std::string& row, std::string_view text, const std::filesystem::path& path) {
  if (text.find_first_of("\t\r\n") != std::string_view::npos) {
    fail(ExitCode::data,
         "'{}' cannot hold {}, which has a tab or a line break; write a .csv or .safetensors file",
         path.string(), kg::shown(text));
  }
  row += text;
}

}  // namespace

Embeddings read_npy_embeddings(const std::filesystem::path& path,
                               const std::filesystem::path& ids) {
  Embeddings embeddings;
  embeddings.values_NF = read_values(path);
  const std::filesystem::path beside = ids_beside(path);
  if (!ids.empty() || std::filesystem::exists(beside)) {
    read_ids(ids.empty() ? beside : ids, embeddings);
    return embeddings;
  }
  number_nodes(embeddings);
  leave_unnamed(embeddings);
  leave_untyped(embeddings);
  return embeddings;
}

void write_npy_embeddings(const std::filesystem::path& path, const Embeddings& embeddings) {
  const std::filesystem::path ids_path = ids_beside(path);
  BlockWriter ids(ids_path);
  ids.block() = fmt::format("{}", fmt::join(description_columns(embeddings), "\t"));
  ids.end_row();
  for (std::int32_t node = 0; node < embeddings.nodes(); ++node) {
    std::string& row = ids.block();
    for (const std::string_view field : description_of(embeddings, node)) {
      add_field(row, field, ids_path);
      row += '\t';
    }
    row.pop_back();
    ids.end_row();
  }
  write_npy_f32(path, static_cast<std::size_t>(embeddings.nodes()),
                static_cast<std::size_t>(embeddings.width()),
                embeddings.values_NF.const_data_ptr<float>());
  ids.commit();
}

}  // namespace hgnn_moe::hgt
