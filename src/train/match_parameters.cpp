#include "hgnn_moe/train/match_parameters.h"

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <optional>
#include <utility>

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/model/model_config.h"
#include "hgnn_moe/train/forecast.h"

namespace hgnn_moe {

namespace {

// The bounds of the two options.
constexpr std::int64_t kMaxEmbedDim = 65536;
constexpr std::int64_t kMaxLayers = 1024;
// Rows of matrices then begin where vector registers want them, and auto heads divide the width.
constexpr std::int64_t kWidthUnit = 8;

class MatchSearch {
 public:
  MatchSearch(const TrainConfig& run, const TrainConfig& reference, std::int64_t vocab_size)
      : run_(run),
        model_(make_model_config(run, vocab_size)),
        target_(count_parameters(make_model_config(reference, vocab_size)).total()),
        heads_(run.num_heads > 0 ? run.num_heads : kWidthUnit) {}

  // The nearest width, in units of 8 where they come near enough.
  ParameterMatch width(std::int64_t layers) {
    const ParameterMatch match = width_of(std::lcm(kWidthUnit, heads_), layers);
    return is_near(match) ? match : width_of(heads_, layers);
  }

  ParameterMatch depth() {
    return nearest(kMaxLayers, [&](std::int64_t k) { return at(run_.embed_dim, k); });
  }

  // The nearest width, with a number of layers as near to the run's own as it can be.
  std::optional<ParameterMatch> both() {
    for (std::int64_t distance = 1; distance < kMaxLayers; ++distance) {
      std::optional<ParameterMatch> best;
      for (const std::int64_t layers : {run_.num_layers - distance, run_.num_layers + distance}) {
        if (layers < 1 || layers > kMaxLayers) continue;
        const ParameterMatch match = width(layers);
        if (!best || is_nearer(match, *best)) best = match;
      }
      if (best && is_near(*best)) return best;
    }
    return std::nullopt;
  }

  static bool is_near(const ParameterMatch& match) {
    return std::abs(match.difference()) < kLargestParameterDifference;
  }

 private:
  static bool is_nearer(const ParameterMatch& a, const ParameterMatch& b) {
    return std::abs(a.difference()) < std::abs(b.difference());
  }

  ParameterMatch width_of(std::int64_t unit, std::int64_t layers) {
    return nearest(kMaxEmbedDim / unit, [&](std::int64_t k) { return at(k * unit, layers); });
  }

  ParameterMatch at(std::int64_t embed_dim, std::int64_t layers) {
    model_.embed_dim = embed_dim;
    model_.num_layers = layers;
    return {embed_dim, layers, count_parameters(model_).total(), target_};
  }

  // Of match_at(1) ... match_at(largest), whose parameters grow.
  template <typename MatchAt>
  ParameterMatch nearest(std::int64_t largest, MatchAt match_at) {
    std::int64_t low = 1, high = largest;  // the first that is not too small
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      if (match_at(middle).parameters < target_) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const ParameterMatch above = match_at(low);
    if (low == 1) return above;
    const ParameterMatch below = match_at(low - 1);
    return is_nearer(below, above) ? below : above;
  }

  const TrainConfig& run_;
  ModelConfig model_;
  std::int64_t target_;
  std::int64_t heads_;  // divide the width; 8 divide what auto heads are for
};

}  // namespace

double ParameterMatch::difference() const {
  return static_cast<double>(parameters - reference) / static_cast<double>(reference);
}

ParameterMatch match_parameters(const TrainConfig& run, const TrainConfig& reference,
                                std::int64_t vocab_size) {
  MatchSearch search(run, reference, vocab_size);
  const ParameterMatch by_width = search.width(run.num_layers);
  if (MatchSearch::is_near(by_width)) return by_width;
  const ParameterMatch by_depth = search.depth();
  if (MatchSearch::is_near(by_depth)) return by_depth;
  if (const auto by_both = search.both()) return *by_both;
  fail(ExitCode::usage,
       "match_parameters: no embed_dim and num_layers give the reference's {} parameters to 1 %; "
       "the nearest embed_dim is {} with {}; choose another reference or num_heads",
       by_width.reference, by_width.embed_dim, by_width.parameters);
}

std::string describe(const ParameterMatch& match, const TrainConfig& run) {
  const auto size = [](const char* name, std::int64_t chosen, std::int64_t before) {
    return chosen == before ? fmt::format("{} {} as it was", name, chosen)
                            : fmt::format("{} {} in place of {}", name, chosen, before);
  };
  return fmt::format(
      "match_parameters: {} and {} give {} parameters, {:+.2f} % of the reference's {}",
      size("embed_dim", match.embed_dim, run.embed_dim),
      size("num_layers", match.num_layers, run.num_layers), match.parameters,
      100 * match.difference(), match.reference);
}

ParsedConfig with_matched_parameters(ParsedConfig parsed) {
  const std::string file = parsed.config.match_parameters;
  if (file.empty()) return parsed;
  ErrorList errors;
  Settings settings = parsed.settings;
  lay_over(read_settings_file(train_option_table().specs(), file, errors), settings);
  const TrainConfig reference = resolve_settings(settings, std::move(errors)).config;

  // Unresolved, because the heads follow the width where they are not given.
  const TrainConfig run = given_config(parsed.settings);
  const ParameterMatch match = match_parameters(run, reference, known_vocab_size(parsed.config));
  parsed.notes.push_back(describe(match, run));
  TrainConfig& config = parsed.config;
  config.embed_dim = match.embed_dim;
  config.num_layers = match.num_layers;
  config.num_heads = run.num_heads;
  config.match_parameters.clear();
  config = resolve(config);
  if (run.run_name.empty() && run.resume_checkpoint.empty()) {
    config.run_name = default_run_name(config, std::time(nullptr));
  }
  for (auto& [key, source] : parsed.provenance) {
    if (key == "embed_dim" || key == "num_layers") source = "match_parameters " + file;
  }
  return parsed;
}

}  // namespace hgnn_moe
