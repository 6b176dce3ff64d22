#include "ablation_report.h"

#include "folder_tools.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json.h"
#include "hgnn_moe/model/ablation.h"

namespace hgnn_moe {

namespace {

template <typename T>
Json value_or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// Writes the losses of single targets and returns the row of ablation.json.
Json write_row(const std::filesystem::path& folder, const std::string& name,
               const std::string& removed, const Evaluated& evaluated) {
  const std::string file = name + ".npy";
  write_token_losses(folder / file, evaluated.losses);
  return {{"name", name},
          {"removed", removed},
          {"loss", evaluated.result.loss},
          {"perplexity", evaluated.result.perplexity},
          {"tokens", evaluated.result.targets},
          {"file", file}};
}

}  // namespace

void write_ablations(const std::filesystem::path& folder, const WeightSource& source,
                     const LanguageModel& model, const Evaluated& whole,
                     const std::function<Evaluated(const LanguageModel&)>& evaluate,
                     spdlog::logger& log) {
  remove_tree(folder);
  hgnn_moe::create_directories(folder);
  Json rows = Json::array({write_row(folder, "nothing", "nothing", whole)});
  for (const Ablation& ablation : possible_ablations(model.config())) {
    const Evaluated left = evaluate(ablated_model(model, ablation));
    rows.push_back(write_row(folder, ablation.name, ablation.removed, left));
    log.info("without {}: evaluation loss {:.4f}, {:+.4f}", ablation.removed, left.result.loss,
             left.result.loss - whole.result.loss);
  }
  const Json report = {{"checkpoint", value_or_null(source.checkpoint)},
                       {"step", value_or_null(source.step)},
                       {"rows", rows}};
  write_file_atomically(folder / "ablation.json", report.dump(2) + "\n");
}

}  // namespace hgnn_moe
