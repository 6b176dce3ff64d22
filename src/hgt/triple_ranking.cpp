#include "hgnn_moe/hgt/triple_ranking.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "index_tensor.h"

#include "hgnn_moe/base/philox.h"
#include "hgnn_moe/base/random_choice.h"
#include "hgnn_moe/config/hgt_config.h"

namespace hgnn_moe::hgt {

namespace {

constexpr auto kScores = static_cast<std::int64_t>(kRankedScoreBytes / sizeof(float));
// Of draws with the purpose graph_split; the split itself has 0.
constexpr std::uint32_t kSubset = 1;

struct Question {
  kg::Side side;
  std::int32_t relation;
  std::vector<kg::Triple> triples;  // of that relation
};

std::vector<Question> questions_of(const kg::Graph& graph, const std::vector<kg::Triple>& triples) {
  std::vector<std::vector<kg::Triple>> by_relation(graph.relations.size());
  for (const kg::Triple& triple : triples) by_relation[triple.relation].push_back(triple);
  std::vector<Question> questions;
  for (std::size_t r = 0; r < by_relation.size(); ++r) {
    if (by_relation[r].empty()) continue;
    for (const kg::Side side : {kg::Side::head, kg::Side::tail}) {
      questions.push_back({side, static_cast<std::int32_t>(r), by_relation[r]});
    }
  }
  return questions;
}

// [triples, nodes of the asked type], on the CPU.
at::Tensor scores_of(const Decoder& decoder, const at::Tensor& embeddings_NF,
                     const kg::NodeType& candidates, const Question& question, std::size_t first,
                     std::size_t last) {
  std::vector<std::int32_t> given, relations;
  for (std::size_t i = first; i < last; ++i) {
    const kg::Triple& triple = question.triples[i];
    given.push_back(question.side == kg::Side::tail ? triple.head : triple.tail);
    relations.push_back(triple.relation);
  }
  const at::Tensor given_BF = rows_of(embeddings_NF, given);
  const at::Tensor relations_B = index_tensor(relations, embeddings_NF.device());
  const at::Tensor candidates_CF = embeddings_NF.narrow(0, candidates.first, candidates.count);
  const at::Tensor scores_BC = question.side == kg::Side::tail
                                   ? decoder.score_tails(given_BF, relations_B, candidates_CF)
                                   : decoder.score_heads(given_BF, relations_B, candidates_CF);
  return scores_BC.to(at::kCPU, at::kFloat).contiguous();
}

Json record_of(const kg::RankFigures& figures) {
  return {{"ranks", figures.ranks},
          {"errors", figures.errors},
          {"mean_rank", number_or_null(figures.mean_rank)},
          {"mrr", number_or_null(figures.mrr)},
          {"hits_at_1", number_or_null(figures.hits_at_1)},
          {"hits_at_3", number_or_null(figures.hits_at_3)},
          {"hits_at_10", number_or_null(figures.hits_at_10)}};
}

}  // namespace

kg::RankTable rank_triples(const Decoder& decoder, const at::Tensor& embeddings_NF,
                           const kg::Graph& graph, const std::vector<kg::Triple>& triples,
                           const kg::TripleIndex& known) {
  return *rank_triples(decoder, embeddings_NF, graph, triples, known,
                       [](std::int64_t, std::int64_t) { return true; });
}

std::optional<kg::RankTable> rank_triples(const Decoder& decoder, const at::Tensor& embeddings_NF,
                                          const kg::Graph& graph,
                                          const std::vector<kg::Triple>& triples,
                                          const kg::TripleIndex& known, const KeepRanking& keep) {
  const c10::NoGradGuard no_grad;
  const auto total = 2 * static_cast<std::int64_t>(triples.size());
  std::int64_t done = 0;
  kg::RankTable ranks(static_cast<std::int32_t>(graph.relations.size()));
  for (const Question& question : questions_of(graph, triples)) {
    const kg::Relation& relation = graph.relations[question.relation];
    const kg::NodeType& candidates =
        graph.node_types[question.side == kg::Side::tail ? relation.tail_type : relation.head_type];
    const auto piece =
        static_cast<std::size_t>(std::max<std::int64_t>(1, kScores / candidates.count));
    for (std::size_t first = 0; first < question.triples.size(); first += piece) {
      const std::size_t last = std::min(first + piece, question.triples.size());
      const at::Tensor scores_BC =
          scores_of(decoder, embeddings_NF, candidates, question, first, last);
      const float* row = scores_BC.data_ptr<float>();
      for (std::size_t i = first; i < last; ++i, row += candidates.count) {
        const kg::Triple& triple = question.triples[i];
        const std::int32_t target = question.side == kg::Side::tail ? triple.tail : triple.head;
        ranks.add(question.relation, question.side,
                  kg::rank_of(target, row, candidates, known.known_at(question.side, triple)));
      }
      done += static_cast<std::int64_t>(last - first);
      if (!keep(done, total)) return std::nullopt;
    }
  }
  return ranks;
}

Json ranking_record(const kg::RankTable& ranks, const kg::Graph& graph) {
  Json record = {{"micro", record_of(ranks.micro())},
                 {"macro", record_of(ranks.macro())},
                 {"heads", record_of(ranks.of(kg::Side::head))},
                 {"tails", record_of(ranks.of(kg::Side::tail))}};
  record["relations"] = Json::object();
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    const kg::RankFigures figures = ranks.of(static_cast<std::int32_t>(r));
    if (figures.ranks == 0) continue;
    record["relations"][kg::relation_title(graph, graph.relations[r])] = record_of(figures);
  }
  return record;
}

std::vector<kg::Triple> some_triples(const std::vector<kg::Triple>& triples, std::int64_t count,
                                     std::uint64_t seed) {
  const auto size = static_cast<std::int64_t>(triples.size());
  if (count == kAll || count >= size) return triples;
  SubsetDraw subset;
  std::vector<kg::Triple> chosen;
  const std::uint64_t key = philox_stream_key(seed, RandomPurpose::graph_split, 0, kSubset);
  for (const std::int64_t i : subset.draw(size, count, key)) {
    chosen.push_back(triples[static_cast<std::size_t>(i)]);
  }
  return chosen;
}

}  // namespace hgnn_moe::hgt
