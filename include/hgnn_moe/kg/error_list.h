// Errors of one input file, told together: users want all of them at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::kg {

// Throws Error(data), one line an error, when kMaxErrors have come together or in throw_if_any().
class ErrorList {
 public:
  static constexpr std::size_t kMaxErrors = 10;

  explicit ErrorList(std::string file) : file_(std::move(file)) {}

  // `line` counts from 1.
  template <typename... Args>
  void add(std::int64_t line, fmt::format_string<Args...> format, Args&&... args) {
    add_text(line, fmt::format(format, std::forward<Args>(args)...));
  }

  // For what leaves nothing to go on with.
  template <typename... Args>
  [[noreturn]] void stop(std::int64_t line, fmt::format_string<Args...> format, Args&&... args) {
    add_text(line, fmt::format(format, std::forward<Args>(args)...));
    throw_all();
  }

  void throw_if_any() const {
    if (!lines_.empty()) throw_all();
  }

  const std::string& file() const { return file_; }

 private:
  void add_text(std::int64_t line, const std::string& sentence);
  [[noreturn]] void throw_all() const;

  std::string file_;
  std::vector<std::string> lines_;
};

// A value for a message: in quotes, one line, not long, whatever bytes it holds.
std::string shown(std::string_view value);

bool is_utf8(std::string_view text);

}  // namespace hgnn_moe::kg
