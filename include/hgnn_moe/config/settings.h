// What the user set: configuration files in their order, then flags, over a table's defaults.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hgnn_moe/config/error_list.h"
#include "hgnn_moe/config/option_table.h"

namespace hgnn_moe {

struct Setting {
  Json value;          // passed the checks of its option
  std::string source;  // "flag" or "file PATH"
};

// By option name, only what was given. null in a later file removes the setting.
using Settings = std::map<std::string, Setting>;

// Flags that every program has and no configuration file holds: config, help, version.
const std::vector<OptionSpec>& program_options();

// The settings of a JSON object of option names and values, null for those that it resets. What is
// wrong with it goes into `errors`, each sentence beginning with `where`.
Settings settings_of_object(const std::vector<OptionSpec>& specs, const Json& object,
                            const std::string& where, const std::string& source, ErrorList& errors);

// The same of a configuration file.
Settings read_settings_file(const std::vector<OptionSpec>& specs, const std::string& path,
                            ErrorList& errors);

// Puts `layer` over `settings`; null takes a setting back.
void lay_over(const Settings& layer, Settings& settings);

// Writes the values of `settings` into `config`; null leaves what is there.
template <typename Config>
void set_options(const OptionTable<Config>& table, const Settings& settings, Config& config) {
  for (const Option<Config>& option : table.options()) {
    const auto found = settings.find(option.spec.name);
    if (found != settings.end() && !found->second.value.is_null()) {
      option.set(config, found->second.value);
    }
  }
}

struct UserInput {
  Settings settings;
  bool help = false;  // either of the two: nothing else was read
  bool version = false;
};

// Reads argv[1..argc). Flags are --name VALUE, --name=VALUE, and --name or --no_name for a
// boolean; an argument that belongs to no flag is the value of the option `positional` where that
// is given. Abbreviations, single-dash options and other arguments are errors. Everything wrong
// with flags or files goes into `errors` and the rest is still read.
UserInput read_user_input(const std::vector<OptionSpec>& specs, int argc, const char* const* argv,
                          ErrorList& errors, const std::string& positional = "");

}  // namespace hgnn_moe
