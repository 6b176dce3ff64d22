#include "hgnn_moe/kg/error_list.h"

#include <algorithm>

#include "hgnn_moe/base/text.h"

namespace hgnn_moe::kg {
namespace {

// Bytes of the UTF-8 sequence at the front of `text`, 0 where it is none (RFC 3629: no overlong
// forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  unsigned char lowest = 0x80;
  unsigned char highest = 0xBF;
  if (lead == 0xE0) lowest = 0xA0;
  if (lead == 0xED) highest = 0x9F;
  if (lead == 0xF0) lowest = 0x90;
  if (lead == 0xF4) highest = 0x8F;
  if (byte(1) < lowest || byte(1) > highest) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

void ErrorList::add_text(std::int64_t line, const std::string& sentence) {
  lines_.push_back(fmt::format("{}, line {}: {}", file_, line, sentence));
  if (lines_.size() == kMaxErrors) {
    lines_.push_back(
        fmt::format("{}: reading stops after {} errors; correct these first", file_, kMaxErrors));
    throw_all();
  }
}

void ErrorList::throw_all() const { throw Error(ExitCode::data, join(lines_, "\n")); }

std::string shown(std::string_view value) {
  constexpr std::size_t kMaxLength = 60;
  std::string text = "'";
  for (std::size_t i = 0; i < value.size() && i < kMaxLength;) {
    const std::size_t length = utf8_length(value.substr(i));
    const bool is_control = static_cast<unsigned char>(value[i]) < 0x20 || value[i] == 0x7F;
    text += length == 0 || is_control ? "?" : std::string(value.substr(i, length));
    i += std::max<std::size_t>(length, 1);
  }
  return text + (value.size() > kMaxLength ? "...'" : "'");
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace hgnn_moe::kg
