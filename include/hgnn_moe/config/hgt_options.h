// The options of hgt_embed: command line and files to HgtConfig.
#pragma once

#include <string>
#include <vector>

#include "hgnn_moe/config/error_list.h"
#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/config/option_table.h"
#include "hgnn_moe/config/settings.h"

namespace hgnn_moe {

struct HgtInput {
  HgtConfig config;
  Settings settings;               // what the user gave of it
  std::vector<std::string> notes;  // sentences for the log
  std::string help;                // the text to print; "" where none is asked for
  bool version = false;            // either of the two: config is the default one
};

// argv[1] is a command, or --help or --version; then defaults < --config files in order < flags.
// Throws Error(usage) with every mistake found, one sentence a line.
HgtInput parse_hgt_command_line(int argc, const char* const* argv);

// What a command makes of settings that passed the checks of their options. Throws Error(usage)
// with the contradictions between them.
HgtInput hgt_input_of(HgtCommand command, const Settings& settings);

// Every key of the configuration's command, in table order.
Json to_json(const HgtConfig& config);

// The configuration of `hgt_embed train` that to_json wrote. Throws Error(data) for anything else.
HgtConfig hgt_config_of(const Json& json);

// Contradictions between options into `errors`; `settings` tells which ones the user gave.
void check_hgt_contradictions(const HgtConfig& config, const Settings& settings, ErrorList& errors);

// What options that are not given follow from others: those of a preset, a layer's neighbours.
HgtConfig resolved_hgt_config(const HgtConfig& config, const Settings& settings);

// Sentences about options that were given and have no effect.
std::vector<std::string> hgt_configuration_notes(const HgtConfig& config, const Settings& settings);

// The one table.
const OptionTable<HgtConfig>& hgt_option_table();

// The table of docs/hgt.md for one command.
std::string hgt_options_markdown(HgtCommand command);

}  // namespace hgnn_moe
