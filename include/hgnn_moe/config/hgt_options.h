// The options of hgt_embed: command line and files to HgtConfig.
#pragma once

#include <string>

#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/config/option_table.h"
#include "hgnn_moe/config/settings.h"

namespace hgnn_moe {

struct HgtInput {
  HgtConfig config;
  Settings settings;     // what the user gave of it
  std::string help;      // the text to print; "" where none is asked for
  bool version = false;  // either of the two: config is the default one
};

// argv[1] is a command, or --help or --version; then defaults < --config files in order < flags.
// Throws Error(usage) with every mistake found, one sentence a line.
HgtInput parse_hgt_command_line(int argc, const char* const* argv);

// The one table.
const OptionTable<HgtConfig>& hgt_option_table();

// The table of docs/hgt.md for one command.
std::string hgt_options_markdown(HgtCommand command);

}  // namespace hgnn_moe
