#include "hgnn_moe/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

#include <fmt/format.h>

namespace hgnn_moe {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Rows i-2, i-1 and i of the usual table; entry j is the distance of the prefixes a[:i], b[:j].
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) current[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(previous);
    previous.swap(current);
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({substituted, previous[j] + 1, current[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
  }
  return current[b.size()];
}

std::optional<std::string> closest_match(std::string_view word,
                                         const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string first_few(const std::vector<std::string>& names) {
  constexpr std::size_t kFew = 3;
  const std::size_t shown = std::min(names.size(), kFew);
  const std::string text = join({names.begin(), names.begin() + shown}, ", ");
  return names.size() > shown ? fmt::format("{} and {} more", text, names.size() - shown) : text;
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.95 would print as "1024.0".
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  constexpr std::string_view kPrefixes = "KMGT";
  std::size_t digits = 0;
  while (digits < text.size() && (text[digits] == '.' || is_digit(text[digits]))) ++digits;
  double value = 0.0;
  const auto [rest, error] =
      std::from_chars(text.data(), text.data() + digits, value, std::chars_format::fixed);
  if (error != std::errc() || rest != text.data() + digits) return std::nullopt;
  std::string unit;
  for (const char c : text.substr(digits)) {
    if (c != ' ' || !unit.empty()) unit += upper(c);
  }
  if (!unit.empty() && unit != "B") {
    const std::size_t prefix = kPrefixes.find(unit.front());
    const bool binary = unit.size() == 3 && unit.substr(1) == "IB";
    if (prefix == std::string_view::npos || !(binary || unit.substr(1) == "B")) return std::nullopt;
    value *= std::pow(binary ? 1024.0 : 1000.0, static_cast<double>(prefix + 1));
  }
  if (!(value >= 1.0 && value < 0x1p63)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::string format_duration(double seconds) {
  constexpr double kLongest = 1e15;  // far beyond any run, far below the limits of llround
  if (!(seconds >= 0 && seconds < kLongest)) return "?";
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const long long whole = std::llround(seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  const long long minutes = whole / 60;
  if (minutes < 24 * 60) return fmt::format("{} h {:02} min", minutes / 60, minutes % 60);
  const long long hours = minutes / 60;
  return fmt::format("{} d {:02} h", hours / 24, hours % 24);
}

}  // namespace hgnn_moe
