#include "preflight.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/model/ablation.h"
#include "hgnn_moe/train/checkpoint_folder.h"
#include "hgnn_moe/train/forecast.h"
#include "hgnn_moe/train/trainer.h"

namespace hgnn_moe {

namespace {

namespace fs = std::filesystem;

// weakly_canonical of a path whose first part does not exist yet is relative, and of one that ends
// in "/." ends in a separator.
fs::path absolute_canonical(const fs::path& path) {
  const fs::path canonical = fs::weakly_canonical(fs::absolute(path));
  return canonical.has_filename() ? canonical : canonical.parent_path();
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  const std::string outer = (absolute_canonical(folder) / "").string();
  return absolute_canonical(path).string().compare(0, outer.size(), outer) == 0;
}

// The entry of a folder that is this file, by itself or through links; "" where none is.
std::string entry_that_is(const fs::path& file, const fs::path& folder) {
  std::error_code ignored;  // what cannot be followed, such as a file yet to be written, is none
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (fs::equivalent(entry.path(), file, ignored)) return entry.path().filename().string();
  }
  return "";
}

// A line of one token has no target; every packed window has.
void check_has_target(const data::SampleSet& set, const std::vector<std::int64_t>& rows,
                      const std::string& kind, const std::string& option) {
  const auto has_target = [&](std::int64_t row) { return set.length(row) > 1; };
  if (std::none_of(rows.begin(), rows.end(), has_target)) {
    fail(ExitCode::data,
         "none of the {} {} samples has a second token to predict; raise {} or prepare longer ones",
         rows.size(), kind, option);
  }
}

}  // namespace

void check_targets(const TrainConfig& config, const data::Dataset& dataset) {
  if (config.sample_mode == SampleMode::packed) return;
  check_has_target(*dataset.eval, evaluation_rows(config, *dataset.eval), "evaluation",
                   "num_eval_samples");
  if (dataset.train != nullptr) {
    check_has_target(*dataset.train, training_rows(config, *dataset.train), "training",
                     "num_train_samples");
  }
}

void check_init_from(const TrainConfig& config, const RunLocation& location) {
  if (config.init_from.empty() || !config.overwrite) return;
  if (lies_in(config.init_from, location.folder())) {
    fail(ExitCode::usage,
         "init_from {} lies in the run {} that overwrite would remove; take another run_name",
         config.init_from, location.run_name);
  }
}

void check_evaluated(const TrainConfig& config, const RunLocation& location) {
  if (!config.eval_only || config.resume_checkpoint.empty()) return;
  if (list_checkpoints(location.folder()).empty()) fail_without_checkpoint(config, location);
}

void fail_without_checkpoint(const TrainConfig& config, const RunLocation& location) {
  fail(ExitCode::checkpoint,
       "eval_only has nothing to evaluate: resume_checkpoint is {} and {} holds no checkpoint; "
       "check run_name",
       config.resume_checkpoint, location.folder().string());
}

void check_ablation(const TrainConfig& config, const ModelConfig& model) {
  if (!config.ablate || !possible_ablations(model).empty()) return;
  fail(ExitCode::usage,
       "ablate has nothing to remove: num_experts is {} and coupler_type {} has no graph here; "
       "leave ablate out or give a model with several experts",
       config.num_experts, to_string(config.coupler_type));
}

std::string check_memory(const TrainConfig& config, const ModelConfig& model,
                         const data::Dataset& dataset, std::optional<std::int64_t> available) {
  if (!available) return "";
  const auto text = [](std::int64_t bytes) {
    return format_bytes(static_cast<std::uint64_t>(bytes));
  };
  const std::int64_t count = count_parameters(model).total();
  // In fp32: a weight, its gradient and two moments; or a weight, of an ablated model beside it
  // too.
  const std::int64_t state = (!config.eval_only ? 4 : config.ablate ? 2 : 1) * 4 * count;
  if (state > *available) {
    fail(ExitCode::out_of_memory,
         "out of memory: {} parameters{} take {} and the machine leaves {}; lower embed_dim {}, "
         "num_layers {} or num_experts {}, or take a machine with more",
         count, config.eval_only ? "" : " with their gradients and moments", text(state),
         text(*available), config.embed_dim, config.num_layers, config.num_experts);
  }
  const MemoryEstimate memory = forecast_memory(config, model, &dataset);
  if (memory.total <= *available) return "";
  const std::string takes = fmt::format(
      "the run takes about {} of memory and the machine leaves {}, so that it may be "
      "killed: ",
      text(memory.total), text(*available));
  if (memory.evaluation_is_peak && memory.token_losses > memory.evaluation) {
    return takes + fmt::format(
                       "losses of single targets are {} of it; lower max_seq_length {} or "
                       "num_eval_samples, or leave out {}",
                       text(memory.token_losses), config.max_seq_length,
                       config.ablate ? "ablate" : "dump_token_losses");
  }
  return takes +
         fmt::format(
             "{}lower batch_size {}{}{}",
             memory.evaluation_is_peak && !config.eval_only ? "evaluations take most of it; " : "",
             config.batch_size,
             config.eval_only ? "" : " (raise gradient_accumulation_steps to keep the step's size)",
             memory.evaluation_is_peak ? "" : " or take activation_checkpointing layer");
}

void check_token_losses_path(const TrainConfig& config, const data::Dataset& dataset,
                             const RunLocation& location) {
  if (config.dump_token_losses.empty()) return;
  const fs::path path = config.dump_token_losses;
  // A link is replaced, not what it leads to: its own folder counts.
  const fs::path folder = absolute_canonical(fs::absolute(path).parent_path());
  if (!dataset.synthetic && folder == absolute_canonical(dataset.folder)) {
    fail(ExitCode::usage,
         "dump_token_losses {} lies in the data folder {}, whose files are read; take another",
         config.dump_token_losses, dataset.folder);
  }
  if (const std::string entry = dataset.synthetic ? "" : entry_that_is(path, dataset.folder);
      !entry.empty()) {
    fail(ExitCode::usage,
         "dump_token_losses {} is what {} of the data folder {} leads to; take another",
         config.dump_token_losses, entry, dataset.folder);
  }
  for (const auto& [option, input] : {std::pair{"hyperedges_file", config.hyperedges_file},
                                      std::pair{"init_from", config.init_from}}) {
    std::error_code ignored;
    if (!input.empty() && fs::equivalent(input, path, ignored)) {
      fail(ExitCode::usage, "dump_token_losses {} is the {} too, which is read; take another",
           config.dump_token_losses, option);
    }
  }
  if (lies_in(folder, location.folder())) {  // not beside its records
    fail(ExitCode::usage,
         "dump_token_losses {} lies in a folder of the run {} that the program writes and clears; "
         "take {} itself or another folder",
         config.dump_token_losses, location.run_name, location.folder().string());
  }
  hgnn_moe::create_directories(location.folder());  // where the file may go
  const AtomicFile probe(config.dump_token_losses);
}

}  // namespace hgnn_moe
