// The options of hgnn_moe_train: command line and files to TrainConfig, and back to JSON.
#pragma once

#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "hgnn_moe/config/error_list.h"
#include "hgnn_moe/config/option_table.h"
#include "hgnn_moe/config/settings.h"
#include "hgnn_moe/config/train_config.h"

namespace hgnn_moe {

struct ParsedConfig {
  TrainConfig config;  // resolved; run_name is empty only under a resume_checkpoint path
  Settings settings;   // what the user gave of it
  // Every key in table order with its source: "default", "file PATH", "flag",
  // "environment HGNN_MOE_DATA" or "compat original".
  std::vector<std::pair<std::string, std::string>> provenance;
  std::vector<std::string> warnings;  // options that were given and have no effect, sentences
  std::vector<std::string> notes;     // other sentences for the log
  bool help = false;                  // either of the two: config is the default one
  bool version = false;
};

// Defaults < --config files in order < flags. Throws Error(usage) with every mistake found, one
// sentence a line.
ParsedConfig parse_command_line(int argc, const char* const* argv);

// The configuration that `settings` give over the defaults, with its provenance and warnings.
// Throws Error(usage) with what `errors` holds and all contradictions, one sentence a line.
ParsedConfig resolve_settings(const Settings& settings, ErrorList errors = {});

// The values of `settings` over the defaults, nothing resolved or checked.
TrainConfig given_config(const Settings& settings);

// What --help prints.
std::string help_text();

// Every flag in the order of the help, config, help and version included.
std::vector<std::string> option_names();

// The tables of docs/usage.md.
std::string options_markdown();

// Every key in table order, resolved; null where an option is not set. A configuration file with
// this content gives the same configuration again.
Json to_json(const TrainConfig& config);

// The one table.
const OptionTable<TrainConfig>& train_option_table();

// Options that no run of a sweep can be given: the sweep decides them, or they train nothing.
const std::vector<std::string>& options_outside_sweeps();

// Contradictions between options into `errors`; `settings` tells which ones the user gave.
void check_contradictions(const TrainConfig& config, const Settings& settings, ErrorList& errors);

// Sentences about options that were given and have no effect.
std::vector<std::string> configuration_warnings(const TrainConfig& config,
                                                const Settings& settings);

}  // namespace hgnn_moe
