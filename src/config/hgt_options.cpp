#include "hgnn_moe/config/hgt_options.h"

#include <algorithm>

#include <fmt/format.h>

#include "hgnn_moe/config/commands.h"

namespace hgnn_moe {
namespace {

constexpr const char* kProgram =
    "hgt_embed: embeddings of the nodes of knowledge graphs.\n"
    "\n"
    "Usage: hgt_embed COMMAND [--config FILE]... [--OPTION VALUE]...\n"
    "       hgt_embed COMMAND --help\n"
    "       hgt_embed --version\n"
    "\n"
    "Commands:\n";

constexpr const char* kOptions =
    "Every option is a flag and a key of the JSON configuration files; a boolean is --NAME or\n"
    "--no_NAME here, true or false there. Brackets hold the allowed values and the default.\n";

const std::string& name_of(HgtCommand command) {
  return names_of(command).at(static_cast<std::size_t>(command));
}

// In the order of HgtCommand.
const std::vector<Command>& commands() {
  static const std::vector<Command> commands = {
      {name_of(HgtCommand::train), "trains embeddings on a graph and measures them", "graph"},
      {name_of(HgtCommand::embed), "writes the embeddings of a run, and pairs for classifiers",
       "run"},
      {name_of(HgtCommand::evaluate), "measures a run on what was held out", "run"},
      {name_of(HgtCommand::validate), "tells whether embeddings have collapsed", "embeddings"},
      {name_of(HgtCommand::predict), "ranks the nodes that may complete a triple", "run"},
      {name_of(HgtCommand::compare), "trains runs that differ in one thing and compares them",
       "graph"}};
  return commands;
}

std::vector<OptionSpec> shown_options(const Command& command) {
  std::vector<OptionSpec> specs = program_options();
  const std::vector<OptionSpec> own = options_of(hgt_option_table().specs(), command.name);
  specs.insert(specs.end(), own.begin(), own.end());
  return specs;
}

// `errors` holds what is wrong with single settings.
HgtInput resolved_input(HgtCommand command, const Settings& settings, ErrorList& errors) {
  HgtInput input;
  input.config.command = command;
  input.settings = settings;
  set_options(hgt_option_table(), input.settings, input.config);
  check_hgt_contradictions(input.config, input.settings, errors);
  errors.throw_if_any();
  input.config = resolved_hgt_config(input.config, input.settings);
  input.notes = hgt_configuration_notes(input.config, input.settings);
  return input;
}

std::string help_of(const Command& command) {
  const std::string argument =
      command.positional.empty() ? "" : fmt::format(" [--{}] PATH", command.positional);
  return fmt::format(
      "hgt_embed {}: {}.\n\nUsage: hgt_embed {}{} [--config FILE]... [--OPTION VALUE]...\n\n{}{}",
      command.name, command.summary, command.name, argument, kOptions,
      render_help(shown_options(command)));
}

}  // namespace

HgtInput parse_hgt_command_line(int argc, const char* const* argv) {
  HgtInput parsed;
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--help") parsed.help = kProgram + render_commands(commands());
  parsed.version = first == "--version";
  if (!parsed.help.empty() || parsed.version) return parsed;

  const Command& command = find_command(commands(), argc, argv);
  ErrorList errors;
  const UserInput input =
      read_command_input(hgt_option_table().specs(), command, argc, argv, errors);
  if (input.help) parsed.help = help_of(command);
  parsed.version = input.version;
  if (input.help || input.version) return parsed;

  return resolved_input(static_cast<HgtCommand>(&command - commands().data()), input.settings,
                        errors);
}

HgtInput hgt_input_of(HgtCommand command, const Settings& settings) {
  ErrorList errors;
  return resolved_input(command, settings, errors);
}

Json to_json(const HgtConfig& config) {
  const std::string& command = name_of(config.command);
  Json json = Json::object();
  for (const auto& option : hgt_option_table().options()) {
    const std::vector<std::string>& owners = option.spec.commands;
    if (std::find(owners.begin(), owners.end(), command) == owners.end()) continue;
    json[option.spec.name] = option.get(config);
  }
  return json;
}

// What options that came later stood for before there were any.
static HgtConfig config_of_first_runs() {
  HgtConfig config;
  config.command = HgtCommand::train;
  config.jumping_knowledge = false;
  config.embedding_init = 1.0;
  config.embedding_dropout = 0.0;
  config.known_candidates = HgtKnown::left_out;
  return config;
}

HgtConfig hgt_config_of(const Json& json) {
  ErrorList errors;
  HgtConfig config = config_of_first_runs();
  const Settings settings = settings_of_object(
      hgt_option_table().specs(), json, "the configuration of the run", "config.json", errors);
  try {
    errors.throw_if_any();
  } catch (const Error& error) {
    throw Error(ExitCode::data, error.what());
  }
  set_options(hgt_option_table(), settings, config);
  return config;
}

std::string hgt_options_markdown(HgtCommand command) {
  return render_markdown(shown_options(commands().at(static_cast<std::size_t>(command))));
}

}  // namespace hgnn_moe
