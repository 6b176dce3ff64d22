// A typed table of options. One row gives an option its flag, its JSON key, its check, its line of
// help and its place in a configuration struct. A program has exactly one table.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "hgnn_moe/base/json.h"

namespace hgnn_moe {

// What values an option takes. Which alternative it is fixes the type.
struct Switch {};  // given or not, without a negation: --help

struct AnyBoolean {};

struct IntegerRange {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  bool or_minus_one = false;  // -1 says "no limit"
  bool or_auto = false;       // the word auto says "not given"
};

struct RealRange {
  double min = 0.0;
  double max = std::numeric_limits<double>::infinity();
  bool min_excluded = false;
  bool max_excluded = false;
};

struct Choices {
  std::vector<std::string> names;
};

struct TextRule {
  std::string placeholder;              // in the help: --config FILE
  std::string description;              // completes "give ..."
  bool (*accepts)(const std::string&);  // never sees an empty or unprintable text
};

using Domain = std::variant<Switch, AnyBoolean, IntegerRange, RealRange, Choices, TextRule>;

// Everything about an option except where its value is stored.
struct OptionSpec {
  std::string name;  // the flag without "--", and the JSON key
  std::string group;
  std::string help;  // a phrase without a full stop
  Domain domain;
  Json default_value;       // null where `unset_label` stands for it
  std::string unset_label;  // what happens when it is not given, e.g. "auto"
  bool accepts_null = false;
  std::vector<std::string> commands = {};  // that have it; empty: all, or a program without

  bool is_boolean() const { return std::holds_alternative<AnyBoolean>(domain); }
  bool takes_value() const { return !is_boolean() && !std::holds_alternative<Switch>(domain); }
};

// "a whole number from 1 to 65536": completes "give ..." in errors.
std::string describe(const Domain& domain);

// "1 to 65536": the same in a table that shows the default, too. Empty where that says it all.
std::string range_text(const Domain& domain);

// The default as the user would write it, or the unset label.
std::string default_text(const OptionSpec& spec);

// The value that the text of a flag stands for; null means "not given". Throws Error(usage)
// "SUBJECT is VALUE; give ..." for a wrong type or range.
Json value_of_flag(const OptionSpec& spec, const std::string& text, const std::string& subject);

// The same for a value of a JSON file.
Json value_of_json(const OptionSpec& spec, const Json& value, const std::string& subject);

// Options by group, with ranges and defaults, wrapped at 100 columns.
std::string render_help(const std::vector<OptionSpec>& specs);

// The same as Markdown: a heading and a table for each group.
std::string render_markdown(const std::vector<OptionSpec>& specs);

// An option of the struct Config. A value reads and writes as JSON; `set` takes only what passed
// the checks above.
template <typename Config>
struct Option {
  OptionSpec spec;
  std::function<Json(const Config&)> get;
  std::function<void(Config&, const Json&)> set;
};

// Rows in the order of the help. Defaults are those of a value-initialised Config. An enum member
// needs `const std::vector<std::string>& names_of(Enum)`, its values' names counted from 0.
template <typename Config>
class OptionTable {
 public:
  // Options added from here on belong to this group.
  void group(std::string name) { group_ = std::move(name); }

  // Options added from here on belong to these commands of the program.
  void commands(std::vector<std::string> names) { commands_ = std::move(names); }

  void boolean(const char* name, bool Config::* member, const char* help) {
    add_plain(name, member, AnyBoolean{}, help, "");
  }

  void integer(const char* name, std::int64_t Config::* member, IntegerRange range,
               const char* help, const char* unset_label = "") {
    add_plain(name, member, range, help, unset_label);
  }

  void real(const char* name, double Config::* member, RealRange range, const char* help) {
    add_plain(name, member, range, help, "");
  }

  void text(const char* name, std::string Config::* member, TextRule rule, const char* help,
            const char* unset_label = "") {
    add_plain(name, member, std::move(rule), help, unset_label);
  }

  void choice(const char* name, std::string Config::* member, std::vector<std::string> names,
              const char* help) {
    add_plain(name, member, Choices{std::move(names)}, help, "");
  }

  template <typename Enum>
  void choice(const char* name, Enum Config::* member, const char* help) {
    const std::vector<std::string>& names = names_of(Enum{});
    add({{name, group_, help, Choices{names}, nullptr, "", false},
         [member, &names](const Config& config) {
           return Json(names.at(static_cast<std::size_t>(config.*member)));
         },
         [member, &names](Config& config, const Json& value) {
           const auto found =
               std::find(names.begin(), names.end(), value.template get_ref<const std::string&>());
           config.*member = static_cast<Enum>(found - names.begin());
         }});
  }

  // Lets null in JSON mean "not given" for an option that has an ordinary default.
  void accept_null(const std::string& name) {
    for (Option<Config>& option : options_) {
      if (option.spec.name == name) option.spec.accepts_null = true;
    }
  }

  const std::vector<Option<Config>>& options() const { return options_; }

  std::vector<OptionSpec> specs() const {
    std::vector<OptionSpec> specs;
    for (const Option<Config>& option : options_) specs.push_back(option.spec);
    return specs;
  }

 private:
  template <typename T>
  void add_plain(const char* name, T Config::* member, Domain domain, const char* help,
                 const std::string& unset_label) {
    const T unset = Config{}.*member;
    const bool has_unset = !unset_label.empty();
    add({{name, group_, help, std::move(domain), nullptr, unset_label, has_unset},
         [member, unset, has_unset](const Config& config) {
           return has_unset && config.*member == unset ? Json(nullptr) : Json(config.*member);
         },
         [member](Config& config, const Json& value) {
           config.*member = value.template get<T>();
         }});
  }

  void add(Option<Config> option) {
    option.spec.default_value = option.get(Config{});
    option.spec.commands = commands_;
    options_.push_back(std::move(option));
  }

  std::string group_;
  std::vector<std::string> commands_;
  std::vector<Option<Config>> options_;
};

}  // namespace hgnn_moe
