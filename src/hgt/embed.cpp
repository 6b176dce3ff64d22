#include "hgnn_moe/hgt/embed.h"

#include <utility>

#include "report_file.h"
#include "written_embeddings.h"

#include "hgnn_moe/base/log.h"
#include "hgnn_moe/hgt/finished_run.h"
#include "hgnn_moe/hgt/labelled_pairs.h"
#include "hgnn_moe/hgt/node_embeddings.h"
#include "hgnn_moe/kg/find_node_type.h"

namespace hgnn_moe::hgt {

namespace {

LabelledPairs pairs_of(const HgtConfig& config, const FinishedRun& run) {
  return labelled_pairs(run.data.split, find_pair_relation(run.data.split.train, config.relation),
                        {config.negative_kind, config.negatives, negatives_seed(config, run)});
}

void write_pairs_of(const HgtConfig& config, const LabelledPairs& pairs, const kg::Graph& graph,
                    spdlog::logger& log) {
  write_pairs(config.pairs, pairs, graph);
  log.info("{}: {} facts of {} and {} negatives", config.pairs, pairs.facts(),
           kg::relation_title(graph, graph.relations[pairs.relation]), pairs.negatives());
  if (pairs.missing > 0) {
    log.warn("{} negatives are missing, because no other tail of their head is unknown",
             pairs.missing);
  }
}

}  // namespace

int run_embed(const HgtInput& input) {
  const HgtConfig& config = input.config;
  const auto log = make_logger(/*quiet=*/false, std::nullopt);
  for (const std::string& note : input.notes) log->warn("{}", note);
  expect_writable(config.out);
  expect_writable(config.pairs);
  const FinishedRun run = open_finished_run(config);
  const kg::Graph& graph = run.data.split.train;
  // Before the model computes: a wrong name should not cost the time that it takes.
  std::optional<std::int32_t> type;
  if (!config.node_type.empty()) type = kg::find_node_type(graph, config.node_type);
  std::optional<LabelledPairs> pairs;
  if (!config.pairs.empty()) pairs = pairs_of(config, run);

  Embeddings embeddings = embeddings_of(graph, run.model.embed(run.data.messages));
  for (const std::string& note : embeddings.notes) log->info("{}", note);
  if (type.has_value()) embeddings = of_node_type(embeddings, graph.node_types[*type]);
  log->info("run {}, checkpoint of step {}", run.folder.string(), run.step);
  write_judged(config.out, embeddings, run.config.seed, *log);
  if (pairs.has_value()) write_pairs_of(config, *pairs, graph, *log);
  return 0;
}

}  // namespace hgnn_moe::hgt
