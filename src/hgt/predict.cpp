#include "hgnn_moe/hgt/predict.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "report_file.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json.h"
#include "hgnn_moe/hgt/embedding_report.h"
#include "hgnn_moe/hgt/embedding_verdict.h"
#include "hgnn_moe/hgt/finished_run.h"
#include "hgnn_moe/hgt/link_figures.h"
#include "hgnn_moe/hgt/node_embeddings.h"
#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/find_node.h"
#include "hgnn_moe/kg/find_relations.h"

namespace hgnn_moe::hgt {

namespace {

struct Question {
  kg::Side given;  // the end that is known
  std::int32_t node = 0;
  std::int32_t relation = 0;

  kg::Triple with(std::int32_t other) const {
    return given == kg::Side::head ? kg::Triple{node, relation, other}
                                   : kg::Triple{other, relation, node};
  }

  // The same question of the relation that training knows: facts are learned as primary edges, so a
  // reverse relation has no parameters of its own that mean anything.
  Question as_trained(const kg::Graph& graph) const {
    if (kg::is_primary(graph, relation)) return *this;
    return {given == kg::Side::head ? kg::Side::tail : kg::Side::head, node,
            graph.relations[relation].reverse};
  }
};

const kg::NodeType& candidates_of(const kg::Graph& graph, const Question& question) {
  const kg::Relation& relation = graph.relations[question.relation];
  return graph
      .node_types[question.given == kg::Side::head ? relation.tail_type : relation.head_type];
}

// A name may stand for several relations: the one that has such nodes is meant.
Question read_question(const HgtConfig& config, const kg::Graph& graph) {
  Question question;
  question.given = config.head.empty() ? kg::Side::tail : kg::Side::head;
  const bool heads = question.given == kg::Side::head;
  question.node = kg::find_node(graph, heads ? config.head : config.tail);
  const std::int32_t type = kg::type_of_node(graph, question.node);
  std::vector<std::int32_t> fitting;
  for (const std::int32_t r : kg::find_relations(graph, config.relation)) {
    const kg::Relation& relation = graph.relations[r];
    if ((heads ? relation.head_type : relation.tail_type) == type) fitting.push_back(r);
  }
  if (fitting.size() == 1) {
    question.relation = fitting.front();
    return question.as_trained(graph);
  }
  std::string titles;
  for (const std::int32_t r : fitting) {
    titles += (titles.empty() ? "" : ", ") + kg::relation_title(graph, graph.relations[r]);
  }
  fail(ExitCode::usage, "relation '{}' {} {} of type {}; {}", config.relation,
       fitting.empty() ? "has no" : "has several meanings for", heads ? "heads" : "tails",
       graph.node_types[type].name,
       fitting.empty() ? "give the other end, or another relation" : "give one of " + titles);
}

struct Prediction {
  std::int64_t rank;
  std::string id;
  std::string name;
  double score;
  double percentile;
  const char* triple;
};

std::size_t width_of(const std::vector<Prediction>& predictions, std::string Prediction::* column,
                     std::size_t least) {
  std::size_t width = least;
  for (const Prediction& one : predictions) width = std::max(width, (one.*column).size());
  return width;
}

std::string to_table(const std::vector<Prediction>& predictions) {
  const std::size_t id = width_of(predictions, &Prediction::id, 2);
  const std::size_t name = width_of(predictions, &Prediction::name, 4);
  std::string table = fmt::format("{:>5}  {:<{}}  {:<{}}  {:>10}  {:>10}  {}\n", "rank", "id", id,
                                  "name", name, "score", "percentile", "triple");
  for (const Prediction& one : predictions) {
    table += fmt::format("{:>5}  {:<{}}  {:<{}}  {:>10.4f}  {:>10.2f}  {}\n", one.rank, one.id, id,
                         one.name, name, one.score, one.percentile, one.triple);
  }
  return table;
}

Json to_json(const Prediction& one) {
  return {{"rank", one.rank},
          {"id", one.id},
          {"name", one.name},
          {"score", one.score},
          {"percentile", one.percentile},
          {"triple", one.triple}};
}

// Where a triple was found.
const char* status_of(const kg::Triple& triple, const kg::TripleIndex& train,
                      const kg::TripleIndex& all) {
  if (train.contains(triple)) return "known";
  return all.contains(triple) ? "held out" : "new";
}

void check_verdict(const FinishedRun& run, const at::Tensor& embeddings_NF) {
  const Verdict verdict =
      judge(report_on(embeddings_of(run.data.split.train, embeddings_NF), run.config.seed));
  if (verdict.grade != Grade::collapsed) return;
  fail(ExitCode::usage,
       "the embeddings of run '{}' have collapsed, so its ranks mean nothing; hgt_embed validate "
       "tells why, --ignore_verdict ranks all the same",
       run.folder.string());
}

void check_trained(const FinishedRun& run, std::int32_t relation) {
  if (is_trained(run.data, relation)) return;
  const kg::Graph& graph = run.data.split.train;
  fail(
      ExitCode::usage,
      "run '{}' has learned nothing that ranks relation {}: its train_relations is {}; ask for one "
      "of these",
      run.folder.string(), kg::relation_title(graph, graph.relations[relation]),
      run.config.train_relations);
}

}  // namespace

int run_predict(const HgtConfig& config) {
  expect_writable(config.json);
  const FinishedRun run = open_finished_run(config);
  const kg::Graph& graph = run.data.split.train;
  const Question question = read_question(config, graph);
  check_trained(run, question.relation);
  const at::Tensor embeddings_NF = run.model.embed(run.data.messages);
  if (!config.ignore_verdict) check_verdict(run, embeddings_NF);

  const kg::NodeType& candidates = candidates_of(graph, question);
  std::vector<kg::Triple> triples;
  for (std::int32_t i = 0; i < candidates.count; ++i) {
    triples.push_back(question.with(candidates.first + i));
  }
  std::vector<double> scores = scores_of_triples(run.model.decoder(), embeddings_NF, triples);
  // What is no number has no order; it stands below all that is.
  std::replace_if(
      scores.begin(), scores.end(), [](double score) { return std::isnan(score); },
      -std::numeric_limits<double>::infinity());
  std::vector<std::int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int32_t a, std::int32_t b) { return scores[a] > scores[b]; });

  const auto first_below = [&](double score) {
    return std::partition_point(order.begin(), order.end(),
                                [&](std::int32_t other) { return scores[other] >= score; });
  };

  const kg::TripleIndex known(graph);
  const kg::TripleIndex all(graph, kg::held_out_facts(run.data.split));
  Json record = {{"run", config.run},
                 {"relation", kg::relation_title(graph, graph.relations[question.relation])},
                 {question.given == kg::Side::head ? "head" : "tail",
                  std::string(graph.node_ids[question.node])},
                 {"candidates", candidates.count}};
  std::vector<Prediction> predictions;
  const std::int64_t top = std::min<std::int64_t>(config.top, candidates.count);
  for (std::int64_t i = 0; i < top; ++i) {
    const std::int32_t node = candidates.first + order[static_cast<std::size_t>(i)];
    const double score = scores[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
    const auto below = static_cast<double>(order.end() - first_below(score));
    predictions.push_back({i + 1, std::string(graph.node_ids[node]),
                           std::string(graph.node_names[node]), score,
                           100.0 * below / static_cast<double>(candidates.count),
                           status_of(question.with(node), known, all)});
    record["nodes"].push_back(to_json(predictions.back()));
  }
  write_standard_output(to_table(predictions));
  write_report(config.json, record);
  return 0;
}

}  // namespace hgnn_moe::hgt
