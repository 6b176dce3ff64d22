// Checks of the fields of a record, and columns whose values are numbered.
#pragma once

#include <cstdint>
#include <string_view>

#include "vocabulary.h"

#include "hgnn_moe/kg/records.h"

namespace hgnn_moe::kg {

class RowChecks {
 public:
  RowChecks(const Records& records, ErrorList& errors) : records_(records), errors_(errors) {}

  // `column` is the field's name for messages.
  void require_text(std::string_view column, std::string_view field) const {
    if (field.empty()) {
      errors_.add(records_.line(), "{} is empty; fill it in or remove the line", column);
    }
    require_utf8(column, field);
  }

  void require_utf8(std::string_view column, std::string_view field) const {
    if (is_utf8(field)) return;
    errors_.add(records_.line(), "{} {} is not UTF-8; convert the file to UTF-8", column,
                shown(field));
  }

 private:
  const Records& records_;
  ErrorList& errors_;
};

// Numbers the values of a column; its neighbours are mostly equal. New values are checked.
class ColumnLookup {
 public:
  enum class Empty { allowed, refused };

  ColumnLookup(Vocabulary& vocabulary, std::string_view column, Empty empty,
               const RowChecks& checks)
      : vocabulary_(vocabulary), column_(column), empty_(empty), checks_(checks) {}

  std::int32_t operator()(std::string_view field) {
    if (last_ >= 0 && field == vocabulary_[last_]) return last_;
    last_ = vocabulary_.find(field);
    if (last_ >= 0) return last_;
    if (empty_ == Empty::refused) {
      checks_.require_text(column_, field);
    } else {
      checks_.require_utf8(column_, field);
    }
    last_ = vocabulary_.find_or_add(field);
    return last_;
  }

 private:
  Vocabulary& vocabulary_;
  std::string_view column_;
  Empty empty_;
  const RowChecks& checks_;
  std::int32_t last_ = -1;
};

}  // namespace hgnn_moe::kg
