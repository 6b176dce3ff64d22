#include "hgnn_moe/hgt/link_figures.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "index_tensor.h"

#include "hgnn_moe/kg/degree_matched.h"
#include "hgnn_moe/kg/relation_degrees.h"

namespace hgnn_moe::hgt {

namespace {

// Triples that are scored at a time.
constexpr std::size_t kPiece = 1 << 14;

std::map<std::int32_t, std::vector<kg::Edge>> by_relation(const std::vector<kg::Triple>& triples) {
  std::map<std::int32_t, std::vector<kg::Edge>> edges;
  for (const kg::Triple& triple : triples) edges[triple.relation].push_back(kg::edge_of(triple));
  return edges;
}

// Facts that have a negative, and these.
struct Pairs {
  std::vector<kg::Edge> pairs;
  std::vector<bool> is_positive;
  std::int64_t without = 0;
};

Pairs matched_pairs(const kg::Graph& train, std::int32_t relation,
                    const std::vector<kg::Edge>& positives, const kg::TripleIndex& known,
                    std::uint64_t seed) {
  const kg::MatchedNegatives negatives =
      kg::degree_matched_negatives(train, relation, positives, known, seed);
  Pairs result;
  result.without = negatives.without;
  for (std::size_t i = 0; i < positives.size(); ++i) {
    if (negatives.pairs[i].tail == kg::kNoNode) continue;
    result.pairs.push_back(positives[i]);
    result.is_positive.push_back(true);
    result.pairs.push_back(negatives.pairs[i]);
    result.is_positive.push_back(false);
  }
  return result;
}

template <typename Score>
kg::BinaryFigures figures_by(const Pairs& pairs, Score score) {
  std::vector<kg::ScoredPair> scored;
  for (std::size_t i = 0; i < pairs.pairs.size(); ++i) {
    scored.push_back({score(i), pairs.is_positive[i]});
  }
  return kg::binary_figures(scored);
}

Json record_of(const kg::BinaryFigures& figures) {
  return {{"auroc", number_or_null(figures.auroc)},
          {"auprc", number_or_null(figures.average_precision)},
          {"errors", figures.errors}};
}

}  // namespace

std::vector<double> scores_of_triples(const Decoder& decoder, const at::Tensor& embeddings_NF,
                                      const std::vector<kg::Triple>& triples) {
  const c10::NoGradGuard no_grad;
  std::vector<double> scores;
  for (std::size_t first = 0; first < triples.size(); first += kPiece) {
    std::vector<std::int32_t> heads, tails, relations;
    for (std::size_t i = first; i < std::min(first + kPiece, triples.size()); ++i) {
      heads.push_back(triples[i].head);
      tails.push_back(triples[i].tail);
      relations.push_back(triples[i].relation);
    }
    const at::Tensor piece =
        decoder
            .score(rows_of(embeddings_NF, heads), index_tensor(relations, embeddings_NF.device()),
                   rows_of(embeddings_NF, tails))
            .to(at::kCPU, at::kDouble)
            .contiguous();
    scores.insert(scores.end(), piece.data_ptr<double>(), piece.data_ptr<double>() + piece.numel());
  }
  return scores;
}

std::vector<LinkFigures> link_figures(const Decoder& decoder, const at::Tensor& embeddings_NF,
                                      const kg::Graph& train,
                                      const std::vector<kg::Triple>& triples,
                                      const kg::TripleIndex& known, std::uint64_t seed) {
  std::vector<LinkFigures> all;
  for (const auto& [relation, positives] : by_relation(triples)) {
    const Pairs pairs = matched_pairs(train, relation, positives, known, seed);
    std::vector<kg::Triple> asked;
    for (const kg::Edge& pair : pairs.pairs) asked.push_back({pair.head, relation, pair.tail});
    const std::vector<double> scores = scores_of_triples(decoder, embeddings_NF, asked);
    const kg::RelationDegrees degrees(train, relation);
    LinkFigures figures;
    figures.relation = relation;
    figures.without_negative = pairs.without;
    figures.model = figures_by(pairs, [&](std::size_t i) { return scores[i]; });
    figures.degree_product =
        figures_by(pairs, [&](std::size_t i) { return degrees.log_product(pairs.pairs[i]); });
    figures.edge_prior =
        figures_by(pairs, [&](std::size_t i) { return degrees.edge_prior(pairs.pairs[i]); });
    all.push_back(figures);
  }
  return all;
}

double mean_recall_at(std::int64_t k, const Decoder& decoder, const at::Tensor& embeddings_NF,
                      const kg::Graph& train, std::int32_t node_type,
                      const std::vector<kg::Triple>& triples) {
  // What stands at the other end, by relation, side of the node, and node.
  std::map<std::tuple<std::int32_t, kg::Side, std::int32_t>, std::set<std::int32_t>> facts;
  for (const kg::Triple& triple : triples) {
    const kg::Relation& relation = train.relations[triple.relation];
    if (relation.head_type == node_type) {
      facts[{triple.relation, kg::Side::head, triple.head}].insert(triple.tail);
    }
    if (relation.tail_type == node_type) {
      facts[{triple.relation, kg::Side::tail, triple.tail}].insert(triple.head);
    }
  }
  double sum = 0.0;
  for (const auto& [key, partners] : facts) {
    const auto& [relation, side, node] = key;
    const kg::NodeType& others =
        train.node_types[side == kg::Side::head ? train.relations[relation].tail_type
                                                : train.relations[relation].head_type];
    std::vector<kg::Triple> asked;
    for (std::int32_t other = others.first; other < others.first + others.count; ++other) {
      asked.push_back(side == kg::Side::head ? kg::Triple{node, relation, other}
                                             : kg::Triple{other, relation, node});
    }
    const std::vector<double> scores = scores_of_triples(decoder, embeddings_NF, asked);
    std::vector<kg::ScoredPair> scored;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const bool is_fact = partners.count(others.first + static_cast<std::int32_t>(i)) > 0;
      scored.push_back({scores[i], is_fact});
    }
    sum += kg::recall_at(k, scored);
  }
  return facts.empty() ? std::numeric_limits<double>::quiet_NaN()
                       : sum / static_cast<double>(facts.size());
}

Json to_json(const std::vector<LinkFigures>& figures, const kg::Graph& graph) {
  Json record = Json::object();
  for (const LinkFigures& f : figures) {
    record[kg::relation_title(graph, graph.relations[f.relation])] = {
        {"positives", f.model.positives},
        {"without_negative", f.without_negative},
        {"model", record_of(f.model)},
        {"degree_product", record_of(f.degree_product)},
        {"edge_prior", record_of(f.edge_prior)}};
  }
  return record;
}

}  // namespace hgnn_moe::hgt
