#include "hgnn_moe/hgt/validate.h"

#include <optional>

#include "report_file.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json.h"
#include "hgnn_moe/base/log.h"
#include "hgnn_moe/hgt/embedding_file.h"
#include "hgnn_moe/hgt/embedding_report.h"
#include "hgnn_moe/hgt/embedding_verdict.h"
#include "hgnn_moe/hgt/positive_pairs.h"
#include "hgnn_moe/hgt/report_text.h"
#include "hgnn_moe/kg/load_graph.h"

namespace hgnn_moe::hgt {
namespace {

// The edges of all parts of the graph that `config` names.
std::optional<PositivePairs> pairs_of(const HgtConfig& config, const Embeddings& embeddings) {
  if (config.graph.empty()) return std::nullopt;
  const kg::LoadedFiles loaded = kg::load_graph(kg::find_graph_files(config.graph), std::nullopt);
  PositivePairs all;
  for (const kg::LoadedGraph& part : loaded.parts) {
    const PositivePairs pairs = positive_pairs(part.graph, embeddings);
    all.heads.insert(all.heads.end(), pairs.heads.begin(), pairs.heads.end());
    all.tails.insert(all.tails.end(), pairs.tails.begin(), pairs.tails.end());
    all.left_out += pairs.left_out;
  }
  return all;
}

}  // namespace

int run_validate(const HgtConfig& config) {
  const auto log = make_logger(/*quiet=*/false, std::nullopt);
  expect_writable(config.json);
  const Embeddings embeddings = read_embeddings(config.embeddings, config.ids);
  for (const std::string& note : embeddings.notes) log->info("{}", note);
  const EmbeddingReport report = report_on(embeddings, config.seed, pairs_of(config, embeddings));
  const Verdict verdict = judge(report);
  // The table first: a disk that is full must not take it away.
  write_standard_output(config.embeddings + ": " + to_table(report, verdict));
  if (!config.json.empty()) {
    Json json = to_json(report, verdict);
    json["embeddings"] = config.embeddings;
    write_file_atomically(config.json, json_text(json) + "\n");
  }
  return exit_code(verdict.grade);
}

}  // namespace hgnn_moe::hgt
