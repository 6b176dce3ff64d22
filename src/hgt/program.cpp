#include "hgnn_moe/hgt/program.h"

#include <string>

#include <ATen/Parallel.h>

#include "hgnn_moe/base/cores.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/config/hgt_options.h"
#include "hgnn_moe/hgt/compare.h"
#include "hgnn_moe/hgt/embed.h"
#include "hgnn_moe/hgt/evaluate.h"
#include "hgnn_moe/hgt/predict.h"
#include "hgnn_moe/hgt/train.h"
#include "hgnn_moe/hgt/validate.h"
#include "hgnn_moe/train/guarded_main.h"
#include "hgnn_moe/train/run_records.h"

namespace hgnn_moe::hgt {
namespace {

constexpr const char* kProgram = "hgt_embed";

int print(const std::string& text) {
  write_standard_output(text);
  return 0;
}

int run(int argc, char** argv) {
  HgtInput input = parse_hgt_command_line(argc, argv);
  if (!input.help.empty()) return print(input.help);
  if (input.version) return print(version_text(kProgram));
  at::set_num_threads(resolve_threads(input.config.threads));
  const std::string warning = threads_warning(input.config.threads);
  if (!warning.empty()) input.notes.push_back(warning);
  switch (input.config.command) {
    case HgtCommand::train:
      return run_train(input);
    case HgtCommand::embed:
      return run_embed(input);
    case HgtCommand::evaluate:
      return run_evaluate(input.config);
    case HgtCommand::predict:
      return run_predict(input.config);
    case HgtCommand::validate:
      return run_validate(input.config);
    case HgtCommand::compare:
      return run_compare(input);
  }
  return 0;
}

// What was estimated before was too little, or somebody else took the rest.
std::string memory_advice() {
  return "give a lower memory_limit to train, whose error says what fits, embeddings of fewer "
         "nodes or of fewer numbers to validate, or a machine with more memory";
}

}  // namespace

int run_embedding_program(int argc, char** argv) {
  return guarded_main(kProgram, [&] { return run(argc, argv); }, memory_advice);
}

}  // namespace hgnn_moe::hgt
