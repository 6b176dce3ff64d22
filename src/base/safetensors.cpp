#include "hgnn_moe/base/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "hgnn_moe/base/hash.h"
#include "hgnn_moe/base/json.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "numbers are read from and written to files as they are in memory");

namespace hgnn_moe {
namespace {

constexpr std::size_t kLengthBytes = sizeof(std::uint64_t);
constexpr std::size_t kHeaderAlignment = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference reader
constexpr const char* kMetadataKey = "__metadata__";

struct ScalarTypeInfo {
  ScalarType type;
  const char* name;
  std::size_t size;
};

constexpr std::array<ScalarTypeInfo, 10> kScalarTypes = {{
    {ScalarType::f64, "F64", 8},
    {ScalarType::f32, "F32", 4},
    {ScalarType::f16, "F16", 2},
    {ScalarType::bf16, "BF16", 2},
    {ScalarType::i64, "I64", 8},
    {ScalarType::i32, "I32", 4},
    {ScalarType::i16, "I16", 2},
    {ScalarType::i8, "I8", 1},
    {ScalarType::u8, "U8", 1},
    {ScalarType::boolean, "BOOL", 1},
}};

const ScalarTypeInfo& info(ScalarType type) {
  const auto& entry = kScalarTypes[static_cast<std::size_t>(type)];
  HGNN_MOE_ASSERT(entry.type == type, "kScalarTypes is not in the order of ScalarType");
  return entry;
}

// Turns the header of one file into checked entries; every rejection names the file.
class HeaderReader {
 public:
  HeaderReader(const MappedFile& file, ExitCode on_error) : file_(file), on_error_(on_error) {}

  struct Header {
    std::size_t data_offset = 0;
    std::vector<TensorEntry> entries;
    std::map<std::string, std::string> metadata;
  };

  Header read() {
    const std::string_view text = header_text();
    Header header;
    header.data_offset = kLengthBytes + text.size();
    data_size_ = file_.bytes().size - header.data_offset;
    const Json json = parse_json(text, file_.path().string() + " (header)", on_error_);
    if (!json.is_object()) reject("its header is a JSON {}, not an object", json.type_name());
    for (const auto& [name, value] : json.items()) {
      if (name == kMetadataKey) {
        header.metadata = read_metadata(value);
      } else {
        header.entries.push_back(read_entry(name, value));
      }
    }
    sort_and_check_coverage(header.entries);
    return header;
  }

 private:
  template <typename... Args>
  [[noreturn]] void reject(fmt::format_string<Args...> format, Args&&... args) const {
    fail(on_error_, "'{}' is not a valid safetensors file: {}; write or copy it again",
         file_.path().string(), fmt::format(format, std::forward<Args>(args)...));
  }

  std::string_view header_text() const {
    const ByteSpan bytes = file_.bytes();
    if (bytes.size < kLengthBytes) {
      reject("it is truncated to {} bytes, less than the header's length takes", bytes.size);
    }
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data, sizeof(length));
    if (length > kMaxHeaderBytes) {
      reject("its header's length is {}, above the format's limit of {}", length, kMaxHeaderBytes);
    }
    if (length > bytes.size - kLengthBytes) {
      reject("it is truncated: the header takes {} bytes and {} are there", length,
             bytes.size - kLengthBytes);
    }
    return {reinterpret_cast<const char*>(bytes.data) + kLengthBytes,
            static_cast<std::size_t>(length)};
  }

  std::map<std::string, std::string> read_metadata(const Json& json) const {
    if (!json.is_object()) reject("{} is no object", kMetadataKey);
    std::map<std::string, std::string> metadata;
    for (const auto& [key, value] : json.items()) {
      if (!value.is_string()) reject("the value of \"{}\" in {} is no string", key, kMetadataKey);
      metadata.emplace(key, value.get<std::string>());
    }
    return metadata;
  }

  TensorEntry read_entry(const std::string& name, const Json& json) const {
    TensorEntry entry;
    entry.name = name;
    entry.type = read_type(name, member(name, json, "dtype"));
    entry.shape = read_shape(name, member(name, json, "shape"));
    const std::vector<std::uint64_t> offsets =
        read_numbers(name, "data_offsets", member(name, json, "data_offsets"));
    if (offsets.size() != 2) reject("\"{}\" has {} data_offsets, not 2", name, offsets.size());
    if (offsets[0] > offsets[1] || offsets[1] > data_size_) {
      reject("\"{}\" has data_offsets [{}, {}] outside the {} bytes of data that are there", name,
             offsets[0], offsets[1], data_size_);
    }
    entry.begin = static_cast<std::size_t>(offsets[0]);
    entry.end = static_cast<std::size_t>(offsets[1]);
    check_size(entry);
    return entry;
  }

  const Json& member(const std::string& name, const Json& json, const char* key) const {
    const auto found = json.is_object() ? json.find(key) : json.end();
    if (found == json.end()) reject("\"{}\" has no {}", name, key);
    return *found;
  }

  ScalarType read_type(const std::string& name, const Json& json) const {
    for (const ScalarTypeInfo& known : kScalarTypes) {
      if (json == known.name) return known.type;
    }
    reject("\"{}\" has the unsupported dtype {}", name, printable(json));
  }

  std::vector<std::int64_t> read_shape(const std::string& name, const Json& json) const {
    std::vector<std::int64_t> shape;
    for (const std::uint64_t extent : read_numbers(name, "shape", json)) {
      if (extent > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        reject("\"{}\" has the extent {}, which no 64-bit index reaches", name, extent);
      }
      shape.push_back(static_cast<std::int64_t>(extent));
    }
    return shape;
  }

  std::vector<std::uint64_t> read_numbers(const std::string& name, const char* key,
                                          const Json& json) const {
    if (!json.is_array()) reject("\"{}\" has the {} {}, no list", name, key, printable(json));
    std::vector<std::uint64_t> numbers;
    for (const Json& number : json) {
      if (!number.is_number_unsigned()) {
        reject("\"{}\" has {} in its {}, no whole number from 0", name, printable(number), key);
      }
      numbers.push_back(number.get<std::uint64_t>());
    }
    return numbers;
  }

  void check_size(const TensorEntry& entry) const {
    std::uint64_t bytes = element_size(entry.type);
    for (const std::int64_t extent : entry.shape) {
      if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes)) {
        reject("\"{}\" has the shape [{}], larger than any memory", entry.name,
               fmt::join(entry.shape, ", "));
      }
    }
    if (bytes != entry.end - entry.begin) {
      reject("\"{}\" of type {} and shape [{}] needs {} bytes and its data_offsets span {}",
             entry.name, format_name(entry.type), fmt::join(entry.shape, ", "), bytes,
             entry.end - entry.begin);
    }
  }

  // The format wants every byte of the data section in exactly one tensor.
  void sort_and_check_coverage(std::vector<TensorEntry>& entries) const {
    std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::size_t covered = 0;
    for (const TensorEntry& entry : entries) {
      if (entry.begin != covered) {
        reject("\"{}\" starts at byte {} of the data and the tensor before it ends at {}",
               entry.name, entry.begin, covered);
      }
      covered = entry.end;
    }
    if (covered != data_size_) {
      reject("its tensors take {} bytes and {} bytes of data are there", covered, data_size_);
    }
  }

  // Values of a damaged header end up in messages: short, whatever bytes they hold.
  static std::string printable(const Json& json) {
    constexpr std::size_t kMaxLength = 40;
    const std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
    return text.size() <= kMaxLength ? text : text.substr(0, kMaxLength) + "...";
  }

  const MappedFile& file_;
  ExitCode on_error_;
  std::size_t data_size_ = 0;
};

std::size_t byte_count(const TensorToWrite& tensor) {
  std::size_t bytes = element_size(tensor.type);
  for (const std::int64_t extent : tensor.shape) {
    HGNN_MOE_ASSERT(extent >= 0, "'{}' has the extent {}", tensor.name, extent);
    bytes *= static_cast<std::size_t>(extent);
  }
  HGNN_MOE_ASSERT(bytes == 0 || tensor.data != nullptr, "'{}' has no data", tensor.name);
  return bytes;
}

// The length field and the header, padded with spaces so that the data start aligned.
std::string make_header(const std::vector<TensorToWrite>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  std::size_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    HGNN_MOE_ASSERT(!header.contains(tensor.name) && tensor.name != kMetadataKey,
                    "the name '{}' is taken", tensor.name);
    const std::size_t end = offset + byte_count(tensor);
    header[tensor.name] = {{"dtype", format_name(tensor.type)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  const std::uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + text;
}

}  // namespace

std::size_t element_size(ScalarType type) { return info(type).size; }

const char* format_name(ScalarType type) { return info(type).name; }

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path, ExitCode on_error)
    : file_(path, on_error) {
  HeaderReader::Header header = HeaderReader(file_, on_error).read();
  data_offset_ = header.data_offset;
  entries_ = std::move(header.entries);
  metadata_ = std::move(header.metadata);
  for (std::size_t i = 0; i < entries_.size(); ++i) index_of_.emplace(entries_[i].name, i);
}

const TensorEntry* SafetensorsFile::find(const std::string& name) const {
  const auto found = index_of_.find(name);
  return found == index_of_.end() ? nullptr : &entries_[found->second];
}

const std::byte* SafetensorsFile::data(const TensorEntry& entry) const {
  return file_.bytes().data + data_offset_ + entry.begin;
}

std::string write_safetensors(const std::filesystem::path& path,
                              const std::vector<TensorToWrite>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  AtomicFile file(path);
  Xxh3 hash;
  const auto write = [&](const void* data, std::size_t size) {
    hash.update(data, size);
    file.write(data, size);
  };
  const std::string header = make_header(tensors, metadata);
  write(header.data(), header.size());
  for (const TensorToWrite& tensor : tensors) write(tensor.data, byte_count(tensor));
  file.commit();
  return hash.hex();
}

}  // namespace hgnn_moe
