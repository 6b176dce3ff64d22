// Embeddings as tensors of a safetensors file.
#include <algorithm>
#include <cstring>
#include <utility>

#include <ATen/ops/empty.h>

#include "embedding_formats.h"

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/base/safetensors.h"

namespace hgnn_moe::hgt {
namespace {

constexpr const char* kValues = "embeddings";
constexpr const char* kTypes = "node_type";
constexpr const char* kIds = "node_ids";
constexpr const char* kNames = "node_names";
constexpr const char* kTypeNames = "node_types";  // of the metadata

std::string offsets_of(const char* texts) { return std::string(texts) + ".offsets"; }
std::string bytes_of(const char* texts) { return std::string(texts) + ".bytes"; }

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : file_(path, ExitCode::data) {}

  Embeddings read() const {
    Embeddings embeddings;
    embeddings.values_NF = read_values();
    if (file_.find(offsets_of(kIds)) != nullptr) {
      embeddings.node_ids = read_texts(kIds, embeddings.nodes());
    } else {
      number_nodes(embeddings);
    }
    if (file_.find(offsets_of(kNames)) != nullptr) {
      embeddings.node_names = read_texts(kNames, embeddings.nodes());
    } else {
      leave_unnamed(embeddings);
    }
    if (file_.find(kTypes) != nullptr) {
      read_types(embeddings);
    } else {
      leave_untyped(embeddings);
    }
    return embeddings;
  }

 private:
  template <typename... Args>
  [[noreturn]] void reject(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ExitCode::data, "'{}' holds no usable embeddings: {}; write it again",
         file_.path().string(), fmt::format(format, std::forward<Args>(args)...));
  }

  // The bytes of others may be unaligned, so they are copied.
  at::Tensor copied(const TensorEntry& entry, at::ScalarType type) const {
    const at::Tensor tensor = at::empty(entry.shape, type);
    if (entry.end > entry.begin) {
      std::memcpy(tensor.data_ptr(), file_.data(entry), entry.end - entry.begin);
    }
    return tensor;
  }

  at::Tensor read_values() const {
    const TensorEntry* entry = file_.find(kValues);
    if (entry == nullptr) reject("it has no tensor \"{}\"", kValues);
    if (entry->shape.size() != 2) {
      reject("\"{}\" has {} dimensions, not 2", kValues, entry->shape.size());
    }
    switch (entry->type) {
      case ScalarType::f32:
        return copied(*entry, at::kFloat);
      case ScalarType::f64:
        return copied(*entry, at::kDouble).to(at::kFloat);
      case ScalarType::f16:
        return copied(*entry, at::kHalf).to(at::kFloat);
      case ScalarType::bf16:
        return copied(*entry, at::kBFloat16).to(at::kFloat);
      default:
        reject("\"{}\" is of type {}, not F32, F64, F16 or BF16", kValues,
               format_name(entry->type));
    }
  }

  // A row of whole numbers with `size` of them.
  at::Tensor read_row(const std::string& name, std::int64_t size) const {
    const TensorEntry* entry = file_.find(name);
    if (entry == nullptr) reject("it has no tensor \"{}\"", name);
    if (entry->type != ScalarType::i64 && entry->type != ScalarType::i32) {
      reject("\"{}\" is of type {}, not I64 or I32", name, format_name(entry->type));
    }
    if (entry->shape != std::vector<std::int64_t>{size}) {
      reject("\"{}\" has the shape [{}], not [{}]", name, fmt::join(entry->shape, ", "), size);
    }
    return copied(*entry, entry->type == ScalarType::i64 ? at::kLong : at::kInt).to(at::kLong);
  }

  kg::TextArray read_texts(const char* name, std::int64_t nodes) const {
    const at::Tensor offsets = read_row(offsets_of(name), nodes + 1);
    const std::int64_t* offset = offsets.const_data_ptr<std::int64_t>();
    const TensorEntry* entry = file_.find(bytes_of(name));
    if (entry == nullptr || entry->type != ScalarType::u8) {
      reject("it has no tensor \"{}\" of type U8", bytes_of(name));
    }
    const std::string_view bytes(reinterpret_cast<const char*>(file_.data(*entry)),
                                 entry->end - entry->begin);
    if (offset[0] != 0 || offset[nodes] != static_cast<std::int64_t>(bytes.size())) {
      reject("\"{}\" goes from {} to {} over {} bytes", offsets_of(name), offset[0], offset[nodes],
             bytes.size());
    }
    kg::TextList texts;
    for (std::int64_t node = 0; node < nodes; ++node) {
      if (offset[node] > offset[node + 1] || offset[node + 1] > offset[nodes]) {
        reject("\"{}\" falls after node {}", offsets_of(name), node);
      }
      const std::string_view text =
          bytes.substr(static_cast<std::size_t>(offset[node]),
                       static_cast<std::size_t>(offset[node + 1] - offset[node]));
      if (!kg::is_utf8(text)) reject("\"{}\" of node {} is not UTF-8", name, node);
      texts.add(text);
    }
    return std::move(texts).share();
  }

  void read_types(Embeddings& embeddings) const {
    const at::Tensor types = read_row(kTypes, embeddings.nodes());
    const std::int64_t* type = types.const_data_ptr<std::int64_t>();
    const std::int64_t limit = read_type_names(types, embeddings.type_names);
    for (std::int64_t node = 0; node < embeddings.nodes(); ++node) {
      if (type[node] < 0 || type[node] >= limit) {
        reject("\"{}\" of node {} is {}, and there are {} types", kTypes, node, type[node], limit);
      }
      embeddings.node_types.push_back(static_cast<std::int32_t>(type[node]));
    }
  }

  // Fills `names` and returns their number.
  std::int64_t read_type_names(const at::Tensor& types, std::vector<std::string>& names) const {
    const auto text = file_.metadata().find(kTypeNames);
    if (text == file_.metadata().end()) {
      reject("it has \"{}\" and no names of types, \"{}\" in its metadata", kTypes, kTypeNames);
    }
    const Json json = parse_json(text->second, file_.path().string() + " (types)", ExitCode::data);
    const bool is_list =
        json.is_array() &&
        std::all_of(json.begin(), json.end(), [](const Json& name) { return name.is_string(); });
    if (!is_list || (json.empty() && types.numel() > 0)) {
      reject("\"{}\" in its metadata is no list of names", kTypeNames);
    }
    names = json.get<std::vector<std::string>>();
    return static_cast<std::int64_t>(names.size());
  }

  SafetensorsFile file_;
};

template <typename T>
TensorToWrite row(std::string name, ScalarType type, const T* data, std::size_t size) {
  return {std::move(name), type, {static_cast<std::int64_t>(size)}, data};
}

}  // namespace

Embeddings read_safetensors_embeddings(const std::filesystem::path& path) {
  return Reader(path).read();
}

void write_safetensors_embeddings(const std::filesystem::path& path, const Embeddings& embeddings) {
  const kg::TextArray& ids = embeddings.node_ids;
  const kg::TextArray& names = embeddings.node_names;
  // Wide elements first: then each lies at a multiple of its size.
  std::vector<TensorToWrite> tensors = {
      row(offsets_of(kIds), ScalarType::i64, ids.offsets.data(), ids.offsets.size()),
      row(offsets_of(kNames), ScalarType::i64, names.offsets.data(), names.offsets.size()),
      {kValues, ScalarType::f32, embeddings.values_NF.sizes().vec(),
       embeddings.values_NF.const_data_ptr()},
  };
  std::map<std::string, std::string> metadata;
  if (embeddings.is_typed) {
    tensors.push_back(
        row(kTypes, ScalarType::i32, embeddings.node_types.data(), embeddings.node_types.size()));
    metadata[kTypeNames] = json_text(Json(embeddings.type_names));
  }
  tensors.push_back(row(bytes_of(kIds), ScalarType::u8, ids.bytes.data(), ids.bytes.size()));
  tensors.push_back(row(bytes_of(kNames), ScalarType::u8, names.bytes.data(), names.bytes.size()));
  write_safetensors(path, tensors, metadata);
}

}  // namespace hgnn_moe::hgt
