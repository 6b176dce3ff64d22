#include "hgnn_moe/config/option_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "hgnn_moe/base/text.h"

namespace hgnn_moe {

namespace {

constexpr std::int64_t kNoMaximum = std::numeric_limits<std::int64_t>::max();

// All of `text` as a T; nullopt for anything else, overflow included.
template <typename T>
std::optional<T> parse_all(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

// A value of an error message: one line of valid UTF-8, of bounded length.
std::string quoted(const Json& value) {
  constexpr std::size_t kLongest = 80;
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

bool is_valid_utf8(const std::string& text) {
  try {
    Json(text).dump();
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

bool is_printable(const std::string& text) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  return !text.empty() && std::none_of(text.begin(), text.end(), is_control) && is_valid_utf8(text);
}

// Whether a JSON value belongs to a domain: type and range.
struct Accepts {
  const Json& value;

  bool operator()(const Switch&) const { return value.is_boolean(); }
  bool operator()(const AnyBoolean&) const { return value.is_boolean(); }

  bool operator()(const IntegerRange& range) const {
    if (!value.is_number_integer()) return false;
    // nlohmann keeps what exceeds int64 as unsigned.
    if (value.is_number_unsigned() && value.get<std::uint64_t>() > kNoMaximum) return false;
    const auto number = value.get<std::int64_t>();
    return (range.or_minus_one && number == -1) || (number >= range.min && number <= range.max);
  }

  bool operator()(const RealRange& range) const {
    if (!value.is_number()) return false;
    const auto number = value.get<double>();
    if (!std::isfinite(number)) return false;
    return (range.min_excluded ? number > range.min : number >= range.min) &&
           (range.max_excluded ? number < range.max : number <= range.max);
  }

  bool operator()(const Choices& choices) const {
    return value.is_string() &&
           std::find(choices.names.begin(), choices.names.end(),
                     value.get_ref<const std::string&>()) != choices.names.end();
  }

  bool operator()(const TextRule& rule) const {
    if (!value.is_string()) return false;
    const auto& text = value.get_ref<const std::string&>();
    return is_printable(text) && rule.accepts(text);
  }
};

// The JSON value nearest to a flag's text; a string where it is none of the domain's type.
struct FromText {
  const std::string& text;

  Json operator()(const Switch&) const { return text == "true"; }
  Json operator()(const AnyBoolean&) const { return text == "true"; }

  Json operator()(const IntegerRange&) const {
    const auto number = parse_all<std::int64_t>(text);
    return number ? Json(*number) : Json(text);
  }

  Json operator()(const RealRange&) const {
    const auto number = parse_all<double>(text);
    return number ? Json(*number) : Json(text);
  }

  Json operator()(const Choices&) const { return text; }
  Json operator()(const TextRule&) const { return text; }
};

// A whole number beyond 64 bits, as a file's or as a flag's text.
bool is_too_large(const Json& value) {
  if (value.is_number()) return value.get<double>() >= static_cast<double>(kNoMaximum);
  const std::string* text = value.get_ptr<const std::string*>();
  return text != nullptr && !text->empty() &&
         text->find_first_not_of("0123456789") == std::string::npos;
}

// `value` if it belongs to the option's domain, null if it is the word for "not given".
Json checked(const OptionSpec& spec, const Json& value, const Json& shown,
             const std::string& subject) {
  const auto* range = std::get_if<IntegerRange>(&spec.domain);
  if (range != nullptr && range->or_auto && value == "auto") return nullptr;
  if (std::visit(Accepts{value}, spec.domain)) return value;

  std::string expected = describe(spec.domain);
  if (range != nullptr && range->max == kNoMaximum && is_too_large(value)) {
    expected += fmt::format(" and at most {}", kNoMaximum);
  }
  const auto* choices = std::get_if<Choices>(&spec.domain);
  if (choices != nullptr && value.is_string()) {
    const auto match = closest_match(value.get_ref<const std::string&>(), choices->names);
    if (match) expected += fmt::format(" (did you mean {}?)", *match);
  }
  fail(ExitCode::usage, "{} is {}; give {}", subject, quoted(shown), expected);
}

}  // namespace

std::string describe(const Domain& domain) {
  struct Kind {
    std::string operator()(const Switch&) const { return "no value"; }
    std::string operator()(const AnyBoolean&) const { return "true or false"; }
    std::string operator()(const IntegerRange&) const { return "a whole number: "; }
    std::string operator()(const RealRange&) const { return "a finite number: "; }
    std::string operator()(const Choices& choices) const {
      return choices.names.size() > 1 ? "one of " : "";
    }
    std::string operator()(const TextRule&) const { return ""; }
  };
  return std::visit(Kind{}, domain) + range_text(domain);
}

std::string range_text(const Domain& domain) {
  struct Range {
    std::string operator()(const Switch&) const { return ""; }
    std::string operator()(const AnyBoolean&) const { return ""; }

    std::string operator()(const IntegerRange& range) const {
      const std::string numbers = range.max == kNoMaximum
                                      ? fmt::format("at least {}", range.min)
                                      : fmt::format("{} to {}", range.min, range.max);
      return (range.or_minus_one ? "-1 or " : "") + numbers + (range.or_auto ? " or auto" : "");
    }

    std::string operator()(const RealRange& range) const {
      std::string text = fmt::format("{} {}", range.min_excluded ? "above" : "at least", range.min);
      if (std::isfinite(range.max)) {
        text += fmt::format(" and {} {}", range.max_excluded ? "below" : "at most", range.max);
      }
      return text;
    }

    std::string operator()(const Choices& choices) const { return join(choices.names, ", "); }
    std::string operator()(const TextRule& rule) const { return rule.description; }
  };
  return std::visit(Range{}, domain);
}

std::string default_text(const OptionSpec& spec) {
  if (spec.default_value.is_null()) return spec.unset_label;
  if (spec.default_value.is_string()) return spec.default_value.get<std::string>();
  return spec.default_value.dump();
}

Json value_of_flag(const OptionSpec& spec, const std::string& text, const std::string& subject) {
  const Json value = std::visit(FromText{text}, spec.domain);
  // The text is shown as it was typed: 1e-400 and not the number it was not parsed to.
  return checked(spec, value, Json(text), subject);
}

Json value_of_json(const OptionSpec& spec, const Json& value, const std::string& subject) {
  if (value.is_null() && spec.accepts_null) return nullptr;
  return checked(spec, value, value, subject);
}

}  // namespace hgnn_moe
