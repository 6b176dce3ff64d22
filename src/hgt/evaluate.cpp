#include "hgnn_moe/hgt/evaluate.h"

#include <string>

#include <fmt/format.h>

#include "report_file.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json.h"
#include "hgnn_moe/hgt/finished_run.h"
#include "hgnn_moe/hgt/link_figures.h"
#include "hgnn_moe/hgt/triple_ranking.h"
#include "hgnn_moe/kg/find_node_type.h"

namespace hgnn_moe::hgt {

namespace {

constexpr std::int64_t kRecallAt = 100;

std::string line_of(const std::string& name, const kg::RankFigures& ranks,
                    const LinkFigures* links) {
  std::string line =
      fmt::format("{:<44} {:>7} {:>7.4f} {:>7.4f} {:>7.4f} {:>7.4f}", name, ranks.ranks, ranks.mrr,
                  ranks.hits_at_1, ranks.hits_at_3, ranks.hits_at_10);
  if (links != nullptr) {
    line += fmt::format(" {:>7.4f} {:>7.4f} {:>7.4f}", links->model.auroc,
                        links->model.average_precision, links->degree_product.average_precision);
  }
  return line + "\n";
}

std::string to_table(const kg::RankTable& ranks, const std::vector<LinkFigures>& links,
                     const kg::Graph& graph) {
  std::string table =
      fmt::format("{:<44} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}\n", "test triples",
                  "ranks", "MRR", "Hits@1", "Hits@3", "Hits@10", "AUROC", "AUPRC", "degree");
  for (const LinkFigures& figures : links) {
    table += line_of(kg::relation_title(graph, graph.relations[figures.relation]),
                     ranks.of(figures.relation), &figures);
  }
  table += line_of("all, each rank alike", ranks.micro(), nullptr);
  table += line_of("all, each relation alike", ranks.macro(), nullptr);
  return table +
         "AUROC and AUPRC: against pairs of like degrees; degree: AUPRC of the degrees' product\n";
}

}  // namespace

int run_evaluate(const HgtConfig& config) {
  expect_writable(config.json);
  const FinishedRun run = open_finished_run(config);
  const kg::Graph& graph = run.data.split.train;
  const std::vector<kg::Triple>& triples = run.data.split.test;
  if (triples.empty()) {
    fail(ExitCode::usage, "run '{}' held out no test triples; train with a test_fraction above 0",
         config.run);
  }
  const at::Tensor embeddings_NF = run.model.embed(run.data.messages);
  const kg::TripleIndex known(graph, kg::held_out_facts(run.data.split));
  const Decoder& decoder = run.model.decoder();
  const kg::RankTable ranks = rank_triples(decoder, embeddings_NF, graph, triples, known);
  const std::vector<LinkFigures> links =
      link_figures(decoder, embeddings_NF, graph, triples, known, negatives_seed(config, run));
  Json record = {{"run", config.run},
                 {"step", run.step},
                 {"ranking", ranking_record(ranks, graph)},
                 {"links", to_json(links, graph)}};
  std::string table = to_table(ranks, links, graph);
  if (run.config.split == HgtSplit::nodes) {
    const double recall =
        mean_recall_at(kRecallAt, decoder, embeddings_NF, graph,
                       kg::find_node_type(graph, run.config.split_node_type), triples);
    record["recall_at_100"] = number_or_null(recall);
    table += fmt::format("Recall@{} of held-out nodes of type {}: {:.4f}\n", kRecallAt,
                         run.config.split_node_type, recall);
  }
  write_standard_output(table);
  write_report(config.json, record);
  return 0;
}

}  // namespace hgnn_moe::hgt
