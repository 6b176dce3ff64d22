#include "hgnn_moe/config/settings.h"

#include <algorithm>
#include <cstring>
#include <set>

// std::regex recurses once a character, so that a long --name=value would overflow the stack.
#define CXXOPTS_NO_REGEX
#include <cxxopts.hpp>
#include <fmt/format.h>

#include "hgnn_moe/base/text.h"

namespace hgnn_moe {

namespace {

constexpr const char* kNegation = "no_";

// How one spelling of a flag acts: --quiet and --no_quiet are two flags of one option.
struct Flag {
  const OptionSpec* spec;
  bool negated = false;
};

using Flags = std::map<std::string, Flag>;

Flags flags_of(const std::vector<OptionSpec>& specs) {
  Flags flags;
  const auto add = [&flags](const OptionSpec& spec) {
    flags[spec.name] = {&spec};
    if (spec.is_boolean()) flags[kNegation + spec.name] = {&spec, true};
  };
  std::for_each(program_options().begin(), program_options().end(), add);
  std::for_each(specs.begin(), specs.end(), add);
  return flags;
}

std::string spellings(const OptionSpec& spec) {
  return fmt::format(spec.is_boolean() ? "--{0} or --no_{0}" : "--{0}", spec.name);
}

template <typename Map>
std::string did_you_mean(const std::string& word, const Map& known, const std::string& prefix) {
  std::vector<std::string> names;
  for (const auto& [name, unused] : known) names.push_back(name);
  const auto match = closest_match(word, names);
  return match ? fmt::format("did you mean {}{}?", prefix, *match)
               : std::string("--help lists all of them");
}

bool starts_with(const std::string& text, const char* prefix) {
  return text.compare(0, std::strlen(prefix), prefix) == 0;
}

// cxxopts stops at its first complaint, so everything it would complain about is reported here
// and left out.
class ArgumentFilter {
 public:
  ArgumentFilter(const std::vector<std::string>& arguments, const Flags& flags,
                 const std::string& positional, ErrorList& errors)
      : arguments_(arguments), flags_(flags), positional_(positional), errors_(errors) {}

  std::vector<std::string> filter() {
    while (next_ < arguments_.size()) {
      const std::string& argument = arguments_[next_++];
      if (!starts_with(argument, "--")) {
        take_stray(argument);
        continue;
      }
      const std::string name = argument.substr(2, argument.find('=') - 2);
      const bool has_equals = argument.find('=') != std::string::npos;
      const auto flag = flags_.find(name);
      if (flag == flags_.end()) {
        reject_unknown(name, has_equals);
      } else if (flag->second.spec->takes_value()) {
        take_with_value(argument, *flag->second.spec, has_equals);
      } else if (has_equals) {
        reject_value(argument, *flag->second.spec);
      } else {
        kept_.push_back(argument);
      }
    }
    return kept_;
  }

 private:
  // Whether the next argument is there and does not begin with `dashes`.
  bool next_is_value(const char* dashes) const {
    return next_ < arguments_.size() && !starts_with(arguments_[next_], dashes);
  }

  void take_stray(const std::string& argument) {
    if (!positional_.empty() && !starts_with(argument, "-")) {
      kept_.push_back(fmt::format("--{}={}", positional_, argument));
      return;
    }
    errors_.add(fmt::format(
        "the argument '{}' belongs to no flag; write settings as --NAME VALUE, booleans as --NAME "
        "or --no_NAME (--help lists all)",
        argument));
    // After "-x" a bare word is most likely its value, not a second mistake.
    if (starts_with(argument, "-") && next_is_value("-")) ++next_;
  }

  void reject_unknown(const std::string& name, bool has_equals) {
    errors_.add(fmt::format("there is no flag --{}; {}", name, did_you_mean(name, flags_, "--")));
    if (!has_equals && next_is_value("--")) ++next_;  // most likely its value
  }

  void reject_value(const std::string& argument, const OptionSpec& spec) {
    const std::size_t equals = argument.find('=');
    errors_.add(
        fmt::format("{} takes no value but has '{}'; write {} alone", argument.substr(0, equals),
                    argument.substr(equals + 1), spellings(spec)),
        spec.name);
  }

  void take_with_value(const std::string& argument, const OptionSpec& spec, bool has_equals) {
    if (has_equals) {
      kept_.push_back(argument);
    } else if (next_is_value("--")) {
      kept_.push_back(argument);
      kept_.push_back(arguments_[next_++]);
    } else {
      errors_.add(fmt::format("{} has no value; give {}", argument, describe(spec.domain)),
                  spec.name);
    }
  }

  const std::vector<std::string>& arguments_;
  const Flags& flags_;
  const std::string& positional_;
  ErrorList& errors_;
  std::size_t next_ = 0;  // the argument to look at
  std::vector<std::string> kept_;
};

std::vector<cxxopts::KeyValue> parse_flags(const Flags& flags, std::vector<std::string> arguments) {
  cxxopts::Options options("flags");
  for (const auto& [name, flag] : flags) {
    // Values stay text: cxxopts would take 0x10 for a whole number and 1.5abc for a real one.
    const auto value = cxxopts::value<std::string>();
    options.add_options()(name, "",
                          flag.spec->takes_value() ? value : value->implicit_value("true"));
  }
  arguments.insert(arguments.begin(), "program");
  std::vector<const char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  return options.parse(static_cast<int>(pointers.size()), pointers.data()).arguments();
}

Setting setting_of_flag(const Flag& flag, const std::string& text) {
  if (flag.spec->is_boolean()) return {!flag.negated, "flag"};
  return {value_of_flag(*flag.spec, text, "--" + flag.spec->name), "flag"};
}

}  // namespace

const std::vector<OptionSpec>& program_options() {
  static const std::vector<OptionSpec> options = {
      {"config", "General",
       "a JSON object of the options below; given several times, later files override earlier "
       "ones, and flags override all files",
       TextRule{"FILE", "the path of a JSON file", [](const std::string&) { return true; }},
       nullptr, "", false},
      {"help", "General", "print this and stop", Switch{}, nullptr, "", false},
      {"version", "General", "print the version, the commit and what it was built with, and stop",
       Switch{}, nullptr, "", false}};
  return options;
}

Settings settings_of_object(const std::vector<OptionSpec>& specs, const Json& object,
                            const std::string& where, const std::string& source,
                            ErrorList& errors) {
  std::map<std::string, const OptionSpec*> known;
  for (const OptionSpec& spec : specs) known[spec.name] = &spec;
  Settings settings;
  for (const auto& [key, value] : object.items()) {
    const auto found = known.find(key);
    if (found == known.end()) {
      errors.add(
          fmt::format("{}: there is no key \"{}\"; {}", where, key, did_you_mean(key, known, "")));
      continue;
    }
    try {
      settings[key] = {value_of_json(*found->second, value, where + ": " + key), source};
    } catch (const Error& error) {
      errors.add(error.what(), key);
    }
  }
  return settings;
}

Settings read_settings_file(const std::vector<OptionSpec>& specs, const std::string& path,
                            ErrorList& errors) {
  Json content;
  try {
    content = read_json_file(path, ExitCode::usage);
  } catch (const Error& error) {
    errors.add(error.what());
    return {};
  }
  if (!content.is_object()) {
    errors.add(
        fmt::format("{}: the file holds a JSON {}; write one object of option names and values",
                    path, content.type_name()));
    return {};
  }
  return settings_of_object(specs, content, path, "file " + path, errors);
}

void lay_over(const Settings& layer, Settings& settings) {
  for (const auto& [key, setting] : layer) {
    if (setting.value.is_null()) {
      settings.erase(key);
    } else {
      settings[key] = setting;
    }
  }
}

UserInput read_user_input(const std::vector<OptionSpec>& specs, int argc, const char* const* argv,
                          ErrorList& errors, const std::string& positional) {
  UserInput input;
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const auto given = [&arguments](const char* flag) {
    return std::find(arguments.begin(), arguments.end(), flag) != arguments.end();
  };
  input.help = given("--help");
  input.version = given("--version");
  if (input.help || input.version) return input;

  const Flags flags = flags_of(specs);
  std::vector<std::string> config_files;
  Settings from_flags;
  std::set<std::string> seen;
  for (const auto& argument :
       parse_flags(flags, ArgumentFilter(arguments, flags, positional, errors).filter())) {
    const Flag& flag = flags.at(argument.key());
    const std::string& name = flag.spec->name;
    if (name != "config" && !seen.insert(name).second) {
      errors.add(fmt::format("{} is set twice; keep one of them", name), name);
      continue;
    }
    try {
      const Setting setting = setting_of_flag(flag, argument.value());
      if (name == "config") {
        config_files.push_back(setting.value.get<std::string>());
      } else {
        from_flags[name] = setting;
      }
    } catch (const Error& error) {
      errors.add(error.what(), name);
    }
  }

  for (const std::string& path : config_files) {
    lay_over(read_settings_file(specs, path, errors), input.settings);
  }
  lay_over(from_flags, input.settings);
  return input;
}

}  // namespace hgnn_moe
