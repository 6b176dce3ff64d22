#include "hgnn_moe/config/hgt_options.h"

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
      {name_of(HgtCommand::validate), "tells whether embeddings have collapsed", "embeddings"}};
  return commands;
}

TextRule path_rule(const char* placeholder, const char* description) {
  return {placeholder, description, [](const std::string&) { return true; }};
}

OptionTable<HgtConfig> build_table() {
  using C = HgtConfig;
  const std::string validate = name_of(HgtCommand::validate);
  OptionTable<C> t;

  t.group("Embeddings");
  t.commands({validate});
  t.text("embeddings", &C::embeddings,
         path_rule("FILE", "the path of a .safetensors, .npy or .csv file"),
         "the embeddings; may be given without --embeddings", "none: it has to be given");
  t.text("ids", &C::ids, path_rule("FILE", "the path of a .tsv file"),
         "of a .npy file, a row a node: columns node_id, node_name, node_type",
         "FILE_ids.tsv beside FILE.npy, where it is");

  t.group("Validation");
  t.text("graph", &C::graph, path_rule("PATH", "the path of a graph"),
         "a graph whose edges are the positive pairs of the alignment", "none: not computed");
  t.text("json", &C::json, path_rule("FILE", "the path of a file to write"),
         "the report with spectra, histograms and points for scripts/plot_embeddings.py", "none");

  t.group("Machine");
  t.integer("seed", &C::seed, {0}, "of the samples that the report and the pictures take");
  t.integer("threads", &C::threads, {0, 4096}, "CPU threads; 0 is all cores");
  return t;
}

std::vector<OptionSpec> shown_options(const Command& command) {
  std::vector<OptionSpec> specs = program_options();
  const std::vector<OptionSpec> own = options_of(hgt_option_table().specs(), command.name);
  specs.insert(specs.end(), own.begin(), own.end());
  return specs;
}

std::string help_of(const Command& command) {
  const std::string argument =
      command.positional.empty() ? "" : fmt::format(" [--{}] FILE", command.positional);
  return fmt::format(
      "hgt_embed {}: {}.\n\nUsage: hgt_embed {}{} [--config FILE]... [--OPTION VALUE]...\n\n{}{}",
      command.name, command.summary, command.name, argument, kOptions,
      render_help(shown_options(command)));
}

void check(const HgtConfig& config, ErrorList& errors) {
  if (config.embeddings.empty() && !errors.concerns("embeddings")) {
    errors.add("embeddings is not given; write hgt_embed validate FILE");
  }
}

}  // namespace

const std::vector<std::string>& names_of(HgtCommand) {
  static const std::vector<std::string> names = {"validate"};
  return names;
}

const OptionTable<HgtConfig>& hgt_option_table() {
  static const OptionTable<HgtConfig> table = build_table();
  return table;
}

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

  parsed.config.command = static_cast<HgtCommand>(&command - commands().data());
  for (const auto& option : hgt_option_table().options()) {
    const auto found = input.settings.find(option.spec.name);
    if (found != input.settings.end()) option.set(parsed.config, found->second.value);
  }
  parsed.settings = input.settings;
  check(parsed.config, errors);
  errors.throw_if_any();
  return parsed;
}

std::string hgt_options_markdown(HgtCommand command) {
  return render_markdown(shown_options(commands().at(static_cast<std::size_t>(command))));
}

}  // namespace hgnn_moe
