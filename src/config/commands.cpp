#include "hgnn_moe/config/commands.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "hgnn_moe/base/text.h"

namespace hgnn_moe {
namespace {

bool has_option(const OptionSpec& spec, const std::string& command) {
  const auto& commands = spec.commands;
  return commands.empty() || std::find(commands.begin(), commands.end(), command) != commands.end();
}

}  // namespace

std::vector<OptionSpec> options_of(const std::vector<OptionSpec>& specs,
                                   const std::string& command) {
  std::vector<OptionSpec> options;
  std::copy_if(specs.begin(), specs.end(), std::back_inserter(options),
               [&](const OptionSpec& spec) { return has_option(spec, command); });
  return options;
}

const Command& find_command(const std::vector<Command>& commands, int argc,
                            const char* const* argv) {
  std::vector<std::string> names;
  for (const Command& command : commands) names.push_back(command.name);
  if (argc < 2) {
    fail(ExitCode::usage, "no command is given; begin with {} (--help describes them)",
         join(names, ", "));
  }
  const std::string name = argv[1];
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    const auto match = closest_match(name, names);
    fail(ExitCode::usage, "'{}' is no command; {}", name,
         match ? fmt::format("did you mean {}?", *match)
               : fmt::format("begin with {} (--help describes them)", join(names, ", ")));
  }
  return commands[static_cast<std::size_t>(found - names.begin())];
}

UserInput read_command_input(const std::vector<OptionSpec>& specs, const Command& command, int argc,
                             const char* const* argv, ErrorList& errors) {
  UserInput input = read_user_input(specs, argc - 1, argv + 1, errors, command.positional);
  for (const OptionSpec& spec : specs) {
    const auto found = input.settings.find(spec.name);
    if (found == input.settings.end() || has_option(spec, command.name)) continue;
    errors.add(
        fmt::format("{} has no use for {} ({}); leave it out, it is an option of {}", command.name,
                    spec.name, found->second.source, join(spec.commands, " and ")),
        spec.name);
    input.settings.erase(found);
  }
  return input;
}

std::string render_commands(const std::vector<Command>& commands) {
  std::string text;
  for (const Command& command : commands) {
    text += fmt::format("  {:<10} {}\n", command.name, command.summary);
  }
  return text;
}

}  // namespace hgnn_moe
