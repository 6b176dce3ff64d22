#include "hgnn_moe/hgt/labelled_pairs.h"

#include <algorithm>
#include <array>
#include <string>

#include "embedding_formats.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/hgt/node_embeddings.h"
#include "hgnn_moe/kg/degree_matched.h"
#include "hgnn_moe/kg/find_relations.h"
#include "hgnn_moe/kg/triple_index.h"
#include "hgnn_moe/kg/uniform_negatives.h"

namespace hgnn_moe::hgt {
namespace {

using Edges = std::vector<kg::Edge>;

constexpr std::array<SplitPart, 3> kParts = {SplitPart::train, SplitPart::valid, SplitPart::test};
constexpr const char* kPartNames[] = {"train", "valid", "test"};

Edges trained_facts(const kg::Graph& train, std::int32_t relation) {
  Edges facts;
  const bool is_symmetric = train.relations[relation].reverse == relation;
  for (const kg::Edge edge : train.relations[relation].edges) {
    if (!is_symmetric || kg::is_primary(train, relation, edge)) facts.push_back(edge);
  }
  return facts;
}

Edges held_out_facts(const kg::Graph& train, std::int32_t relation,
                     const std::vector<kg::Triple>& triples) {
  Edges facts;
  for (const kg::Triple& triple : triples) {
    if (triple.relation == relation) {
      facts.push_back(kg::edge_of(triple));
    } else if (train.relations[triple.relation].reverse == relation) {
      facts.push_back(kg::flipped(kg::edge_of(triple)));
    }
  }
  return facts;
}

using ByPart = std::array<Edges, kParts.size()>;

// One draw for all parts: the tails of one part tell nothing of another's.
ByPart uniform_of(const kg::Split& split, std::int32_t relation, const ByPart& positives,
                  std::uint64_t seed) {
  Edges all;
  for (const Edges& of_part : positives) all.insert(all.end(), of_part.begin(), of_part.end());
  const kg::TripleIndex known(split.train, kg::held_out_facts(split));
  const Edges negatives = kg::uniform_negatives(split.train, relation, all, known, seed);
  ByPart result;
  auto next = negatives.begin();
  for (std::size_t part = 0; part < kParts.size(); ++part) {
    const auto end = next + static_cast<std::ptrdiff_t>(positives[part].size());
    result[part].assign(next, end);
    next = end;
  }
  return result;
}

// Each part by itself, so that degrees match within it; from the test on, so that its negatives are
// those of an evaluation and the others do without these.
ByPart matched_of(const kg::Split& split, std::int32_t relation, const ByPart& positives,
                  std::uint64_t seed) {
  std::vector<kg::Triple> taken = kg::held_out_facts(split);
  ByPart result;
  for (std::size_t part = kParts.size(); part-- > 0;) {
    const kg::TripleIndex known(split.train, taken);
    result[part] =
        kg::degree_matched_negatives(split.train, relation, positives[part], known, seed).pairs;
    for (const kg::Edge pair : result[part]) {
      if (pair.tail != kg::kNoNode) taken.push_back({pair.head, relation, pair.tail});
    }
  }
  return result;
}

// `of_each` for each fact, as far as there are some; those of fact i at i, i + facts and so on.
ByPart negatives_of(const kg::Split& split, std::int32_t relation, const ByPart& facts,
                    const PairNegatives& options) {
  ByPart positives;
  for (std::size_t part = 0; part < kParts.size(); ++part) {
    for (std::int64_t i = 0; i < options.of_each; ++i) {
      positives[part].insert(positives[part].end(), facts[part].begin(), facts[part].end());
    }
  }
  return options.kind == HgtNegatives::uniform
             ? uniform_of(split, relation, positives, options.seed)
             : matched_of(split, relation, positives, options.seed);
}

}  // namespace

std::int64_t LabelledPairs::facts() const {
  return std::count_if(pairs.begin(), pairs.end(), [](const auto& pair) { return pair.is_fact; });
}

std::int64_t LabelledPairs::negatives() const {
  return static_cast<std::int64_t>(pairs.size()) - facts();
}

std::int32_t find_pair_relation(const kg::Graph& graph, std::string_view text) {
  const std::vector<std::int32_t> found = kg::find_relations(graph, text);
  if (found.size() == 1) return found.front();
  std::vector<std::string> titles;
  for (const std::int32_t r : found) {
    titles.push_back(kg::relation_title(graph, graph.relations[r]));
  }
  fail(ExitCode::usage, "relation '{}' has several meanings; give one of {}", text,
       join(titles, ", "));
}

LabelledPairs labelled_pairs(const kg::Split& split, std::int32_t relation,
                             const PairNegatives& options) {
  const ByPart facts = {trained_facts(split.train, relation),
                        held_out_facts(split.train, relation, split.valid),
                        held_out_facts(split.train, relation, split.test)};
  const ByPart negatives = negatives_of(split, relation, facts, options);
  LabelledPairs result;
  result.relation = relation;
  result.kind = options.kind;
  for (std::size_t part = 0; part < kParts.size(); ++part) {
    for (std::size_t i = 0; i < facts[part].size(); ++i) {
      result.pairs.push_back({facts[part][i], kParts[part], true});
      for (std::size_t n = i; n < negatives[part].size(); n += facts[part].size()) {
        const kg::Edge pair = negatives[part][n];
        if (pair.tail == kg::kNoNode) {
          ++result.missing;
        } else {
          result.pairs.push_back({pair, kParts[part], false});
        }
      }
    }
  }
  if (result.pairs.empty()) {
    fail(ExitCode::usage, "relation {} has no facts; give one that has some",
         kg::relation_title(split.train, split.train.relations[relation]));
  }
  return result;
}

void write_pairs(const std::filesystem::path& path, const LabelledPairs& pairs,
                 const kg::Graph& graph) {
  const kg::TextArray ids = file_ids(graph).ids;
  const kg::Relation& relation = graph.relations[pairs.relation];
  const std::string& negative = names_of(pairs.kind)[static_cast<std::size_t>(pairs.kind)];
  BlockWriter file(path);
  file.block() = "head_id,head_type,tail_id,tail_type,label,part,kind";
  file.end_row();
  for (const LabelledPair& pair : pairs.pairs) {
    std::string& row = file.block();
    for (const std::string_view field :
         {ids[pair.pair.head], std::string_view(graph.node_types[relation.head_type].name),
          ids[pair.pair.tail], std::string_view(graph.node_types[relation.tail_type].name)}) {
      kg::append_csv_field(row, field);
      row += ',';
    }
    row += fmt::format("{},{},{}", pair.is_fact ? 1 : 0,
                       kPartNames[static_cast<std::size_t>(pair.part)],
                       pair.is_fact ? "fact" : negative);
    file.end_row();
  }
  file.commit();
}

}  // namespace hgnn_moe::hgt
