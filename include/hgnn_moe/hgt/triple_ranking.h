// How well embeddings rank triples that were held out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/hgt/decoder.h"
#include "hgnn_moe/kg/graph.h"
#include "hgnn_moe/kg/ranking.h"
#include "hgnn_moe/kg/triple_index.h"

namespace hgnn_moe::hgt {

// Scores are computed for so many bytes of triples and candidates at a time.
inline constexpr std::int64_t kRankedScoreBytes = 64 << 20;

// Ranks both ends of each triple among all nodes of the end's type, without the others that `known`
// holds to be true there (kg/ranking.h). embeddings_NF: of all nodes of `graph`, on any device.
kg::RankTable rank_triples(const Decoder& decoder, const at::Tensor& embeddings_NF,
                           const kg::Graph& graph, const std::vector<kg::Triple>& triples,
                           const kg::TripleIndex& known);

// Told now and then how many of all ranks are taken; false ends the work.
using KeepRanking = std::function<bool(std::int64_t ranks, std::int64_t total)>;

// The same; nothing where `keep` ended it.
std::optional<kg::RankTable> rank_triples(const Decoder& decoder, const at::Tensor& embeddings_NF,
                                          const kg::Graph& graph,
                                          const std::vector<kg::Triple>& triples,
                                          const kg::TripleIndex& known, const KeepRanking& keep);

// Figures micro, macro, by side and by relation, null where there is no rank.
Json ranking_record(const kg::RankTable& ranks, const kg::Graph& graph);

// At most `count` of the triples (all for kAll), drawn by the seed, in their order.
std::vector<kg::Triple> some_triples(const std::vector<kg::Triple>& triples, std::int64_t count,
                                     std::uint64_t seed);

}  // namespace hgnn_moe::hgt
