#include "hgnn_moe/train/program.h"

#include <string>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/config/train_options.h"
#include "hgnn_moe/train/dry_run.h"
#include "hgnn_moe/train/guarded_main.h"
#include "hgnn_moe/train/match_parameters.h"
#include "hgnn_moe/train/run_records.h"
#include "hgnn_moe/train/session.h"

namespace hgnn_moe {

namespace {

constexpr const char* kProgram = "hgnn_moe_train";

using RunSweep = int (*)(const ParsedConfig&);

std::string memory_advice(const TrainConfig& config) {
  return fmt::format(
      "lower batch_size {}{}, max_seq_length {}, embed_dim {}, num_layers {} or num_experts {}; "
      "--dry_run prints an estimate",
      config.batch_size,
      config.eval_only ? "" : " (raise gradient_accumulation_steps to keep the step's size)",
      config.max_seq_length, config.embed_dim, config.num_layers, config.num_experts);
}

int print(const std::string& text) {
  write_standard_output(text);
  return 0;
}

int run(int argc, char** argv, RunSweep run_sweep, ParsedConfig& parsed) {
  parsed = parse_command_line(argc, argv);
  if (parsed.help) return print(help_text());
  if (parsed.version) return print(version_text(kProgram));
  if (!parsed.config.sweep.empty()) return run_sweep(parsed);
  parsed = with_matched_parameters(parsed);
  if (!parsed.config.dry_run) return run_session(parsed);
  // A run says it in its log.
  const auto log = make_logger(parsed.config.quiet, std::nullopt);
  for (const std::string& warning : parsed.warnings) log->warn("{}", warning);
  for (const std::string& note : parsed.notes) log->info("{}", note);
  return print(dry_run_record(parsed).dump(2) + "\n");
}

}  // namespace

int run_training_program(int argc, char** argv, RunSweep run_sweep) {
  ParsedConfig parsed;  // outlives an exception, whose message names its values
  return guarded_main(
      kProgram, [&] { return run(argc, argv, run_sweep, parsed); },
      [&] { return memory_advice(parsed.config); });
}

}  // namespace hgnn_moe
