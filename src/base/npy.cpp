#include "hgnn_moe/base/npy.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "numbers are read from and written to files as they are in memory");

namespace hgnn_moe {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::size_t kHeaderAlignment = 64;  // as NumPy pads it, for mapped access

struct NpyTypeInfo {
  NpyType type;
  std::string_view descr;
  std::size_t size;
};

constexpr std::array<NpyTypeInfo, 7> kNpyTypes = {{{NpyType::u2, "<u2", 2},
                                                   {NpyType::u4, "<u4", 4},
                                                   {NpyType::i4, "<i4", 4},
                                                   {NpyType::i8, "<i8", 8},
                                                   {NpyType::f2, "<f2", 2},
                                                   {NpyType::f4, "<f4", 4},
                                                   {NpyType::f8, "<f8", 8}}};

// A cursor over the header's Python literal; each function consumes what it names, or nothing.
class Literal {
 public:
  explicit Literal(std::string_view rest) : rest_(rest) {}

  bool take(std::string_view token) {
    skip_spaces();
    if (rest_.substr(0, token.size()) != token) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  std::optional<std::string> string() {
    skip_spaces();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return std::nullopt;
    const std::size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string value(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return value;
  }

  std::optional<std::size_t> number() {
    skip_spaces();
    std::size_t digits = 0;
    std::size_t value = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
      const auto digit = static_cast<std::size_t>(rest_[digits] - '0');
      if (__builtin_mul_overflow(value, std::size_t{10}, &value) ||
          __builtin_add_overflow(value, digit, &value)) {
        return std::nullopt;
      }
    }
    if (digits == 0) return std::nullopt;
    rest_.remove_prefix(digits);
    return value;
  }

  bool at_end() {
    skip_spaces();
    return rest_.empty();
  }

 private:
  void skip_spaces() {
    rest_.remove_prefix(std::min(rest_.size(), rest_.find_first_not_of(" \n")));
  }

  std::string_view rest_;
};

struct Description {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::size_t> shape;
};

std::optional<bool> parse_bool(Literal& literal) {
  if (literal.take("True")) return true;
  if (literal.take("False")) return false;
  return std::nullopt;
}

// "(3,)" or "(3, 4)"
std::optional<std::vector<std::size_t>> parse_tuple(Literal& literal) {
  if (!literal.take("(")) return std::nullopt;
  std::vector<std::size_t> values;
  while (!literal.take(")")) {
    const std::optional<std::size_t> value = literal.number();
    if (!value) return std::nullopt;
    values.push_back(*value);
    if (!literal.take(",")) {
      if (!literal.take(")")) return std::nullopt;
      break;
    }
  }
  return values;
}

// "{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }", the keys in any order, each once.
std::optional<Description> parse_description(std::string_view text) {
  Literal literal(text);
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::size_t>> shape;
  if (!literal.take("{")) return std::nullopt;
  for (int i = 0; i < 3; ++i) {
    const std::optional<std::string> key = literal.string();
    if (!key || !literal.take(":")) return std::nullopt;
    if (*key == "descr") {
      descr = literal.string();
    } else if (*key == "fortran_order") {
      fortran_order = parse_bool(literal);
    } else if (*key == "shape") {
      shape = parse_tuple(literal);
    }
    if (!literal.take(",") && i < 2) return std::nullopt;
  }
  if (!literal.take("}") || !literal.at_end()) return std::nullopt;
  if (!descr || !fortran_order || !shape) return std::nullopt;
  return Description{*std::move(descr), *fortran_order, *std::move(shape)};
}

// Turns the header of one file into a checked NpyArray; every rejection names the file.
class HeaderReader {
 public:
  HeaderReader(const MappedFile& file, ExitCode on_error) : file_(file), on_error_(on_error) {}

  NpyArray read() const {
    NpyArray array;
    const std::string_view text = header_text(&array.data_offset);
    const std::optional<Description> description = parse_description(text);
    if (!description) reject("its header cannot be read");
    array.type = type_of(description->descr);
    array.shape = description->shape;
    const std::size_t dimensions = array.shape.size();
    if (dimensions != 1 && dimensions != 2) {
      reject("it has {} dimensions, and 1 or 2 are supported", dimensions);
    }
    if (description->fortran_order) {
      reject("it is in Fortran order, and only C order is supported (numpy.ascontiguousarray)");
    }
    array.count = checked_count(array);
    return array;
  }

 private:
  template <typename... Args>
  [[noreturn]] void reject(fmt::format_string<Args...> format, Args&&... args) const {
    fail(on_error_, "'{}' is not a usable .npy file: {}; save it again with numpy.save",
         file_.path().string(), fmt::format(format, std::forward<Args>(args)...));
  }

  std::string_view header_text(std::size_t* data_offset) const {
    const std::string_view bytes(reinterpret_cast<const char*>(file_.bytes().data),
                                 file_.bytes().size);
    if (bytes.substr(0, kMagic.size()) != kMagic) reject("it does not start with NumPy's magic");
    const std::size_t version_at = kMagic.size();
    const std::size_t length_at = version_at + 2;
    if (bytes.size() < length_at) reject("it is truncated to {} bytes", bytes.size());
    const int version = static_cast<unsigned char>(bytes[version_at]);
    if (version < 1 || version > 3) reject("its format version is {}, not 1, 2 or 3", version);
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    const std::size_t text_at = length_at + length_bytes;
    if (bytes.size() < text_at) reject("it is truncated to {} bytes", bytes.size());
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data() + length_at, length_bytes);
    if (length > bytes.size() - text_at) {
      reject("it is truncated: the header takes {} bytes and {} are there", length,
             bytes.size() - text_at);
    }
    *data_offset = text_at + length;
    return bytes.substr(text_at, length);
  }

  NpyType type_of(const std::string& descr) const {
    for (const NpyTypeInfo& known : kNpyTypes) {
      if (descr == known.descr) return known.type;
    }
    reject(
        "its dtype is '{}', and '<u2', '<u4', '<i4', '<i8', '<f2', '<f4' and '<f8' are supported",
        descr);
  }

  std::size_t checked_count(const NpyArray& array) const {
    const std::size_t available = file_.bytes().size - array.data_offset;
    std::size_t count = 1;
    std::size_t bytes = element_size(array.type);
    for (const std::size_t extent : array.shape) {
      if (__builtin_mul_overflow(bytes, extent, &bytes)) {
        reject("its shape ({}) is larger than any memory", fmt::join(array.shape, ", "));
      }
      count *= extent;
    }
    if (bytes != available) {
      reject("its shape ({}) needs {} bytes of data and {} are there", fmt::join(array.shape, ", "),
             bytes, available);
    }
    return count;
  }

  const MappedFile& file_;
  ExitCode on_error_;
};

}  // namespace

std::size_t element_size(NpyType type) {
  const NpyTypeInfo& info = kNpyTypes[static_cast<std::size_t>(type)];
  HGNN_MOE_ASSERT(info.type == type, "kNpyTypes is not in the order of NpyType");
  return info.size;
}

NpyArray read_npy_header(const MappedFile& file, ExitCode on_error) {
  return HeaderReader(file, on_error).read();
}

void write_npy_f32(const std::filesystem::path& path, std::size_t rows, std::size_t columns,
                   const float* data) {
  std::string text =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  const std::size_t prefix_size = kMagic.size() + 2 + sizeof(std::uint16_t);
  const std::size_t unpadded = prefix_size + text.size() + 1;  // with the closing newline
  const std::size_t padded =
      (unpadded + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment;
  text.append(padded - unpadded, ' ').push_back('\n');
  const auto length = static_cast<std::uint16_t>(text.size());

  std::string header(kMagic);
  header += {'\x01', '\x00'};  // format version 1.0
  header.append(reinterpret_cast<const char*>(&length), sizeof(length)).append(text);
  AtomicFile file(path);
  file.write(header.data(), header.size());
  file.write(data, rows * columns * sizeof(float));
  file.commit();
}

}  // namespace hgnn_moe
