#include "hgnn_moe/kg/records.h"

#include <algorithm>

#include "hgnn_moe/base/text.h"

namespace hgnn_moe::kg {

Records::Records(std::string_view text, Format format, ErrorList& errors)
    : rest_(without_mark(text)),
      separator_(format == Format::csv ? ',' : '\t'),
      has_quotes_(format == Format::csv),
      errors_(errors) {}

bool Records::next() {
  while (skip_blank_lines()) {
    fields_.clear();
    unescaped_.clear();
    is_broken_ = false;
    record_line_ = line_;
    take_fields();
    if (!is_broken_) return true;
  }
  return false;
}

void Records::take_fields() {
  // No format has as many; a line of separators alone must not fill the memory.
  constexpr std::size_t kMaxFields = 4096;
  while (take_field() == After::field) {
    if (fields_.size() == kMaxFields) {
      errors_.add(record_line_, "there are more than {} fields; give a file of another kind",
                  kMaxFields);
      is_broken_ = true;
      return skip_line();
    }
  }
}

bool Records::skip_blank_lines() {
  for (;;) {
    if (rest_.empty()) return false;
    std::size_t length = 0;
    if (rest_[0] == '\n') length = 1;
    if (rest_[0] == '\r' && (rest_.size() == 1 || rest_[1] == '\n')) length = 2;
    if (length == 0) return true;
    rest_.remove_prefix(std::min(length, rest_.size()));
    ++line_;
    ++blank_lines_;
  }
}

Records::After Records::take_field() {
  if (has_quotes_ && !rest_.empty() && rest_[0] == '"') return take_quoted();
  return take_plain();
}

Records::After Records::take_plain() {
  const char* const begin = rest_.data();
  const char* const end = begin + rest_.size();
  const char separator = separator_;
  const char* at = begin;
  while (at != end && *at != separator && *at != '\n') ++at;
  std::size_t length = static_cast<std::size_t>(at - begin);
  const std::size_t consumed = length;
  const bool ends_record = at == end || *at == '\n';
  if (ends_record && length > 0 && begin[length - 1] == '\r') --length;
  fields_.emplace_back(begin, length);
  return take_separator(consumed);
}

Records::After Records::take_quoted() {
  const std::int64_t first_line = line_;
  std::size_t from = 1;
  bool has_doubled_quotes = false;
  std::size_t close = rest_.find('"', from);
  for (; close != std::string_view::npos; close = rest_.find('"', from)) {
    if (close + 1 >= rest_.size() || rest_[close + 1] != '"') break;
    has_doubled_quotes = true;
    from = close + 2;
  }
  if (close == std::string_view::npos) {
    errors_.stop(first_line, "the quote before field {} is never closed; close it",
                 fields_.size() + 1);
  }
  const std::string_view inside = rest_.substr(1, close - 1);
  line_ += std::count(inside.begin(), inside.end(), '\n');
  if (has_doubled_quotes) {
    std::string& text = unescaped_.emplace_back();
    for (std::size_t i = 0; i < inside.size(); ++i) {
      text += inside[i];
      if (inside[i] == '"') ++i;
    }
    fields_.push_back(text);
  } else {
    fields_.push_back(inside);
  }
  std::size_t after = close + 1;
  const bool has_return = after < rest_.size() && rest_[after] == '\r' &&
                          (after + 1 == rest_.size() || rest_[after + 1] == '\n');
  if (has_return) ++after;
  if (after < rest_.size() && rest_[after] != separator_ && rest_[after] != '\n') {
    errors_.add(line_, "text follows the closing quote of field {}; write a quote inside as two",
                fields_.size());
    is_broken_ = true;
    rest_.remove_prefix(after);
    skip_line();
    return After::record;
  }
  return take_separator(after);
}

Records::After Records::take_separator(std::size_t at) {
  if (at >= rest_.size()) {
    rest_ = {};
    return After::record;
  }
  const bool ends_record = rest_[at] == '\n';
  rest_.remove_prefix(at + 1);
  if (ends_record) ++line_;
  return ends_record ? After::record : After::field;
}

void Records::skip_line() {
  const std::size_t end = rest_.find('\n');
  take_separator(std::min(end, rest_.size()));
}

void append_csv_field(std::string& row, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    row += text;
    return;
  }
  row += '"';
  for (const char character : text) {
    if (character == '"') row += '"';
    row += character;
  }
  row += '"';
}

std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    text.remove_prefix(kByteOrderMark.size());
  }
  return text;
}

Columns::Columns(Records& records, const std::vector<std::string>& names, ErrorList& errors)
    : records_(records), errors_(errors) {
  if (!records.next()) {
    errors.stop(1, "there is no header; begin the file with the columns {}", join(names, ", "));
  }
  const auto& header = records.fields();
  header_size_ = header.size();
  for (const std::string& name : names) {
    const auto found = std::find(header.begin(), header.end(), name);
    if (found == header.end()) {
      errors.stop(records.line(), "the header has no column '{}'; begin the file with {}", name,
                  join(names, ", "));
    }
    if (std::find(found + 1, header.end(), name) != header.end()) {
      errors.stop(records.line(), "the header has the column '{}' twice; rename one", name);
    }
    positions_.push_back(static_cast<std::size_t>(found - header.begin()));
  }
}

bool Columns::next() {
  while (records_.next()) {
    const std::size_t fields = records_.fields().size();
    if (fields == header_size_) return true;
    errors_.add(records_.line(),
                "there are {} fields and the header has {}; correct the line or quote its text",
                fields, header_size_);
  }
  return false;
}

}  // namespace hgnn_moe::kg
