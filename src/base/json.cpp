#include "hgnn_moe/base/json.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <unordered_set>
#include <vector>

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json_cause.h"

namespace hgnn_moe {
namespace {

// Copying a deeper value would recurse as deep; no file of ours comes near.
constexpr int kMaxDepth = 100;

// Characters of the text that records how far the parser has read: the parser tells its own
// syntax errors' position, but not where it is when a key turns out to be a duplicate.
class TrackedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}

  reference operator*() const { return *at_; }
  TrackedIterator& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  bool operator==(const TrackedIterator& other) const { return at_ == other.at_; }
  bool operator!=(const TrackedIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// "line 3, column 7" of the character at `offset`; UTF-8 continuation bytes are no columns.
std::string describe_position(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto column =
      std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_start), before.end(),
                    [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }) +
      1;
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace

std::string cause_of(const Json::exception& error) {
  std::string_view message = error.what();  // "[json.exception.NAME.NUMBER] cause"
  message.remove_prefix(std::min(message.size(), message.find("] ") + 2));
  if (message.rfind("parse error", 0) == 0) {  // "parse error at line L, column C: cause"
    message.remove_prefix(std::min(message.size(), message.find(": ") + 2));
  }
  return std::string(message);
}

Json parse_json(std::string_view text, const std::string& source, ExitCode on_error) {
  const char* reached = text.data();
  const auto error_at = [&](std::size_t offset, std::string_view cause) {
    return Error(on_error, fmt::format("{}, {}: {}; correct the JSON there", source,
                                       describe_position(text, offset), cause));
  };
  const auto last_read = [&] {
    return static_cast<std::size_t>(std::max<std::ptrdiff_t>(reached - text.data() - 1, 0));
  };

  std::vector<std::unordered_set<std::string>> open_objects;  // the keys seen in each
  const Json::parser_callback_t check = [&](int depth, Json::parse_event_t event, Json& parsed) {
    switch (event) {
      case Json::parse_event_t::object_start:
        open_objects.emplace_back();
        [[fallthrough]];
      case Json::parse_event_t::array_start:
        if (depth >= kMaxDepth) {
          throw error_at(last_read(), fmt::format("nested deeper than {} levels", kMaxDepth));
        }
        break;
      case Json::parse_event_t::object_end:
        open_objects.pop_back();
        break;
      case Json::parse_event_t::key: {
        const auto& key = parsed.get_ref<const std::string&>();
        if (!open_objects.back().insert(key).second) {
          throw error_at(last_read(), fmt::format("the key \"{}\" is given twice", key));
        }
        break;
      }
      default:
        break;
    }
    return true;
  };

  try {
    const char* end = text.data() + text.size();
    return Json::parse(TrackedIterator(text.data(), &reached), TrackedIterator(end, &reached),
                       check);
  } catch (const Json::parse_error& error) {
    throw error_at(error.byte == 0 ? 0 : error.byte - 1, cause_of(error));
  } catch (const Json::out_of_range& error) {  // a number that no double holds
    throw error_at(last_read(), cause_of(error));
  }
}

Json read_json_file(const std::filesystem::path& path, ExitCode on_error) {
  return parse_json(read_text_file(path, on_error), path.string(), on_error);
}

Json number_or_null(const std::optional<double>& value) {
  return value.has_value() && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

std::string json_text(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string valid_utf8(const std::string& text) {
  return Json::parse(json_text(text)).get<std::string>();
}

}  // namespace hgnn_moe
