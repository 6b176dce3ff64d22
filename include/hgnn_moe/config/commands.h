// Programs with several commands: all share one table, in which every option names the commands
// that have it.
#pragma once

#include <string>
#include <vector>

#include "hgnn_moe/config/error_list.h"
#include "hgnn_moe/config/option_table.h"
#include "hgnn_moe/config/settings.h"

namespace hgnn_moe {

struct Command {
  std::string name;
  std::string summary;     // a phrase for the list of commands
  std::string positional;  // the option that an argument without a flag sets; "" where none does
};

// The options that `command` has.
std::vector<OptionSpec> options_of(const std::vector<OptionSpec>& specs,
                                   const std::string& command);

// The command that argv[1] names. Throws Error(usage) where it names none.
const Command& find_command(const std::vector<Command>& commands, int argc,
                            const char* const* argv);

// read_user_input of what follows the command in argv. `specs` are those of all commands: an option
// that this one lacks is an error that names those that have it.
UserInput read_command_input(const std::vector<OptionSpec>& specs, const Command& command, int argc,
                             const char* const* argv, ErrorList& errors);

// The commands, one a line.
std::string render_commands(const std::vector<Command>& commands);

}  // namespace hgnn_moe
