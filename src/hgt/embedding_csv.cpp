// Embeddings as comma-separated values.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <memory>
#include <utility>

#include <ATen/ops/from_blob.h>
#include <fmt/ranges.h>

#include "embedding_formats.h"

namespace hgnn_moe::hgt {
namespace {

constexpr std::string_view kNumbered = "emb_";
constexpr const char* kStringified = "embedding";
constexpr std::string_view kSeparators = " \t\r\n,";
// NumPy's sign for numbers that it left out.
constexpr std::string_view kEllipsis = "...";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSeparators.substr(0, 4));
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSeparators.substr(0, 4)) - begin + 1);
}

// All of `text` as the nearest float32, NaN and infinities included; nothing for other texts.
std::optional<float> parse_number(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  float value = 0.0f;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return std::nullopt;
  // Beyond float32: infinity or zero, which strtod tells.
  if (error == std::errc::result_out_of_range) {
    return static_cast<float>(std::strtod(std::string(text).c_str(), nullptr));
  }
  return value;
}

at::Tensor tensor_of(std::vector<float> values, std::int64_t rows, std::int64_t columns) {
  const auto owner = std::make_shared<std::vector<float>>(std::move(values));
  return at::from_blob(
      owner->data(), {rows, columns}, [owner](void*) {}, at::TensorOptions(at::kFloat));
}

// K of "emb_K".
std::optional<std::size_t> dimension_of(std::string_view column) {
  if (column.substr(0, kNumbered.size()) != kNumbered) return std::nullopt;
  column.remove_prefix(kNumbered.size());
  std::size_t dimension = 0;
  const auto [end, error] =
      std::from_chars(column.data(), column.data() + column.size(), dimension);
  if (error != std::errc() || end != column.data() + column.size()) return std::nullopt;
  return dimension;
}

// The places of emb_0, emb_1 ... in a header, in this order; empty where there is none.
std::vector<std::size_t> numbered_columns(const std::vector<std::string>& header,
                                          kg::ErrorList& errors) {
  constexpr auto kMissing = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> places;
  for (std::size_t place = 0; place < header.size(); ++place) {
    const std::optional<std::size_t> dimension = dimension_of(header[place]);
    if (!dimension) continue;
    if (*dimension >= header.size()) {
      errors.stop(1, "the header has {} among {} columns; number them from {}0 without a gap",
                  header[place], header.size(), kNumbered);
    }
    if (*dimension >= places.size()) places.resize(*dimension + 1, kMissing);
    if (places[*dimension] != kMissing) {
      errors.stop(1, "the header has the column '{}' twice; rename one", header[place]);
    }
    places[*dimension] = place;
  }
  for (std::size_t dimension = 0; dimension < places.size(); ++dimension) {
    if (places[dimension] == kMissing) {
      errors.stop(1, "the header has {1}{2} and no {1}{0}; number the columns from {1}0 on",
                  dimension, kNumbered, places.size() - 1);
    }
  }
  return places;
}

class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name)
      : errors_(name),
        records_(text, kg::Records::Format::csv, errors_),
        header_(take_header()),
        nodes_(header_, errors_),
        numbered_(numbered_columns(header_, errors_)),
        stringified_(find_column(header_, kStringified, errors_)),
        width_(numbered_.size()) {
    if (numbered_.empty() == !stringified_.has_value()) {
      errors_.stop(1, "the header has {} columns {}0, {}1 ... and '{}'; have one of the two",
                   numbered_.empty() ? "neither" : "both", kNumbered, kNumbered, kStringified);
    }
  }

  Embeddings read() {
    while (records_.next()) add_row();
    errors_.throw_if_any();
    Embeddings embeddings;
    embeddings.values_NF =
        tensor_of(std::move(values_), nodes_.size(), static_cast<std::int64_t>(width_));
    std::move(nodes_).move_into(embeddings);
    return embeddings;
  }

 private:
  std::vector<std::string> take_header() {
    if (!records_.next()) {
      errors_.stop(1, "there is no header; begin the file with {}, {}, {}, {}0 ...", kIdColumn,
                   kNameColumn, kTypeColumn, kNumbered);
    }
    return {records_.fields().begin(), records_.fields().end()};
  }

  void add_row() {
    const auto& fields = records_.fields();
    if (fields.size() != header_.size()) {
      errors_.add(records_.line(),
                  "there are {} fields and the header has {}; correct the line or quote its text",
                  fields.size(), header_.size());
      return;
    }
    nodes_.add(records_);
    if (stringified_) {
      add_stringified(fields[*stringified_]);
    } else {
      add_numbered(fields);
    }
  }

  void add_numbered(const std::vector<std::string_view>& fields) {
    for (const std::size_t place : numbered_) {
      const std::string_view text = trimmed(fields[place]);
      // pandas writes NaN as an empty field.
      if (text.empty()) {
        values_.push_back(std::numeric_limits<float>::quiet_NaN());
      } else if (!add_number(text, header_[place])) {
        return;
      }
    }
  }

  bool add_number(std::string_view text, const std::string& column) {
    const std::optional<float> value = parse_number(text);
    if (value) {
      values_.push_back(*value);
    } else {
      errors_.add(records_.line(), "{} is {}, no number; correct it", column, kg::shown(text));
    }
    return value.has_value();
  }

  void add_stringified(std::string_view text) {
    text = trimmed(text);
    if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
      return errors_.add(records_.line(),
                         "{} is {}; write all numbers of the node in brackets, as [0.1, 0.2]",
                         kStringified, kg::shown(text));
    }
    text = text.substr(1, text.size() - 2);
    std::size_t count = 0;
    for (;; ++count) {
      text.remove_prefix(std::min(text.find_first_not_of(kSeparators), text.size()));
      if (text.empty()) break;
      const std::string_view token = text.substr(0, text.find_first_of(kSeparators));
      if (token == kEllipsis) {
        return errors_.add(records_.line(),
                           "{} is abbreviated by '...', so numbers are missing; write all of them "
                           "(numpy.set_printoptions(threshold=sys.maxsize), or embedding.tolist())",
                           kStringified);
      }
      if (!add_number(token, kStringified)) return;
      text.remove_prefix(token.size());
    }
    if (width_ == 0) width_ = count;
    if (count == 0) {
      errors_.add(records_.line(), "{} holds no number; write those of the node", kStringified);
    } else if (count != width_) {
      errors_.add(records_.line(), "{} has {} numbers and that of the first node {}; correct it",
                  kStringified, count, width_);
    }
  }

  kg::ErrorList errors_;
  kg::Records records_;
  std::vector<std::string> header_;
  NodeRows nodes_;
  std::vector<std::size_t> numbered_;
  std::optional<std::size_t> stringified_;
  std::size_t width_ = 0;
  std::vector<float> values_;
};

}  // namespace

Embeddings read_csv_embeddings(std::string_view text, const std::string& name) {
  return CsvReader(text, name).read();
}

void write_csv_embeddings(const std::filesystem::path& path, const Embeddings& embeddings) {
  BlockWriter file(path);
  file.block() = fmt::format("{}", fmt::join(description_columns(embeddings), ","));
  for (std::int64_t f = 0; f < embeddings.width(); ++f) {
    file.block() += fmt::format(",{}{}", kNumbered, f);
  }
  file.end_row();
  const float* value = embeddings.values_NF.const_data_ptr<float>();
  for (std::int32_t node = 0; node < embeddings.nodes(); ++node) {
    std::string& row = file.block();
    for (const std::string_view field : description_of(embeddings, node)) {
      kg::append_csv_field(row, field);
      row += ',';
    }
    row.pop_back();
    for (std::int64_t f = 0; f < embeddings.width(); ++f) {
      fmt::format_to(std::back_inserter(row), ",{}", *value++);
    }
    file.end_row();
  }
  file.commit();
}

}  // namespace hgnn_moe::hgt
