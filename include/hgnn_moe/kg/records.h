// Records of a text of separated values, one after the other, without a copy of the text.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "hgnn_moe/kg/error_list.h"

namespace hgnn_moe::kg {

// Comma-separated values as in RFC 4180 (fields in quotes may hold commas, line breaks and doubled
// quotes; a quote inside a field without quotes stands for itself), or tab-separated values, where
// a quote is a character like others. Lines end in LF or CRLF, the last one with or without. A byte
// order mark is skipped, blank lines are skipped and counted.
class Records {
 public:
  enum class Format { csv, tsv };

  // `text` and `errors` outlive the object. Records that cannot be split go to `errors` and are
  // passed over.
  Records(std::string_view text, Format format, ErrorList& errors);

  // Reads the next record; false at the end of the text. The fields are valid until the next call.
  bool next();

  const std::vector<std::string_view>& fields() const { return fields_; }
  std::int64_t line() const { return record_line_; }  // where the record begins, from 1
  std::int64_t blank_lines() const { return blank_lines_; }

 private:
  enum class After { field, record };  // what follows a field: another one, or the record's end

  bool skip_blank_lines();
  void take_fields();
  After take_field();
  After take_plain();
  After take_quoted();
  After take_separator(std::size_t at);
  void skip_line();

  std::string_view rest_;
  char separator_;
  bool has_quotes_;
  ErrorList& errors_;
  std::int64_t line_ = 1;
  std::int64_t record_line_ = 1;
  std::int64_t blank_lines_ = 0;
  bool is_broken_ = false;  // the record at hand
  std::vector<std::string_view> fields_;
  std::deque<std::string> unescaped_;  // fields with doubled quotes, which are no part of the text
};

// Appends `text` as a field of RFC 4180, in quotes where it has to be.
void append_csv_field(std::string& row, std::string_view text);

// The text without its byte order mark.
std::string_view without_mark(std::string_view text);

// Reads the header and finds `names` in it, in any order and among others. Throws Error(data) for
// what is missing or there twice.
class Columns {
 public:
  Columns(Records& records, const std::vector<std::string>& names, ErrorList& errors);

  std::size_t operator[](std::size_t name) const { return positions_[name]; }

  // Reads the next record with as many fields as the header has; others go to the errors.
  bool next();

 private:
  Records& records_;
  ErrorList& errors_;
  std::size_t header_size_ = 0;
  std::vector<std::size_t> positions_;
};

}  // namespace hgnn_moe::kg
