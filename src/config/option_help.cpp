// The table of options as text for people: --help and docs/usage.md.
#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "hgnn_moe/base/text.h"
#include "hgnn_moe/config/option_table.h"

namespace hgnn_moe {

namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kDescriptionColumn = 38;

std::string flag_text(const OptionSpec& spec) {
  struct AfterName {
    const std::string& name;

    std::string operator()(const Switch&) const { return ""; }
    std::string operator()(const AnyBoolean&) const { return ", --no_" + name; }
    std::string operator()(const IntegerRange&) const { return " N"; }
    std::string operator()(const RealRange&) const { return " X"; }
    std::string operator()(const Choices&) const { return " NAME"; }
    std::string operator()(const TextRule& rule) const { return " " + rule.placeholder; }
  };
  return "--" + spec.name + std::visit(AfterName{spec.name}, spec.domain);
}

// " [RANGE; default VALUE]", without the parts that an option does not have.
std::string remark(const OptionSpec& spec) {
  std::vector<std::string> parts;
  if (const std::string range = range_text(spec.domain); !range.empty()) parts.push_back(range);
  if (const std::string value = default_text(spec); !value.empty()) {
    parts.push_back("default " + value);
  }
  return parts.empty() ? "" : fmt::format(" [{}]", join(parts, "; "));
}

// `text` in lines of at most kWidth characters that start at the description column, the first
// without its indentation.
std::string wrapped(const std::string& text) {
  std::string result;
  std::istringstream words(text);
  std::size_t column = kDescriptionColumn;
  for (std::string word; words >> word;) {
    const bool starts_line = column == kDescriptionColumn;
    if (!starts_line && column + 1 + word.size() > kWidth) {
      result += "\n" + std::string(kDescriptionColumn, ' ');
      column = kDescriptionColumn;
    } else if (!starts_line) {
      result += " ";
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result;
}

template <typename PerGroup, typename PerOption>
void for_each_by_group(const std::vector<OptionSpec>& specs, PerGroup per_group,
                       PerOption per_option) {
  std::string group;
  for (const OptionSpec& spec : specs) {
    if (spec.group != group) {
      group = spec.group;
      per_group(group);
    }
    per_option(spec);
  }
}

}  // namespace

std::string render_help(const std::vector<OptionSpec>& specs) {
  std::string text;
  for_each_by_group(
      specs, [&](const std::string& group) { text += fmt::format("\n{}:\n", group); },
      [&](const OptionSpec& spec) {
        std::string line = "  " + flag_text(spec);
        // A flag that reaches into the column of descriptions has its line to itself.
        if (line.size() + 2 > kDescriptionColumn) {
          text += line + "\n";
          line.clear();
        }
        line.resize(kDescriptionColumn, ' ');
        text += line + wrapped(spec.help + remark(spec)) + "\n";
      });
  return text;
}

std::string render_markdown(const std::vector<OptionSpec>& specs) {
  std::string text;
  for_each_by_group(
      specs,
      [&](const std::string& group) {
        text += fmt::format(
            "\n### {}\n\n| option | default | values | meaning |\n|---|---|---|---|\n", group);
      },
      [&](const OptionSpec& spec) {
        const std::string range = range_text(spec.domain);
        const std::string values = range.empty() ? describe(spec.domain) : range;
        text += fmt::format("| `{}` | {} | {} | {} |\n", spec.name, default_text(spec), values,
                            spec.help);
      });
  return text;
}

}  // namespace hgnn_moe
