#include "hgnn_moe/kg/ranking.h"

#include <cmath>
#include <limits>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::kg {
namespace {

// Candidates by how their score compares with the true one's.
struct Tally {
  std::int64_t all = 0;
  std::int64_t above = 0;
  std::int64_t equal = 0;
  std::int64_t errors = 0;

  void count(float score, float true_score, std::int64_t times) {
    all += times;
    above += score > true_score ? times : 0;
    equal += score == true_score ? times : 0;
    errors += std::isnan(score) ? times : 0;
  }
};

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Rank rank_of(std::int32_t target, const float* scores, const NodeType& candidates,
             const Neighbors& known) {
  HGNN_MOE_ASSERT(candidates.contains(target), "node {} is no candidate", target);
  const auto score_of = [&](std::int32_t node) { return scores[node - candidates.first]; };
  const float true_score = score_of(target);
  Tally tally;
  for (std::int32_t i = 0; i < candidates.count; ++i) tally.count(scores[i], true_score, 1);
  for (std::int64_t i = 0; i < known.size(); ++i) {
    if (known[i] != target) tally.count(score_of(known[i]), true_score, -1);
  }
  Rank rank;
  rank.candidates = tally.all;
  rank.errors = tally.errors;
  if (std::isnan(true_score)) {
    rank.optimistic = rank.pessimistic = tally.all;
  } else {
    rank.optimistic = 1 + tally.above + tally.errors;
    rank.pessimistic = tally.equal - 1 + rank.optimistic;  // the true one equals itself
  }
  return rank;
}

RankTable::RankTable(std::int32_t relation_count)
    : sums_(static_cast<std::size_t>(relation_count)) {}

void RankTable::add(std::int32_t relation, Side side, const Rank& rank) {
  Sums& sums = sums_[relation][static_cast<std::size_t>(side)];
  const double place = rank.realistic();
  sums += {1, rank.errors, place, 1 / place, place <= 1, place <= 3, place <= 10};
}

RankTable::Sums& RankTable::Sums::operator+=(const Sums& other) {
  ranks += other.ranks;
  errors += other.errors;
  rank += other.rank;
  reciprocal += other.reciprocal;
  at_1 += other.at_1;
  at_3 += other.at_3;
  at_10 += other.at_10;
  return *this;
}

RankFigures RankTable::Sums::means() const {
  if (ranks == 0) return {0, 0, kNone, kNone, kNone, kNone, kNone};
  const auto count = static_cast<double>(ranks);
  const auto share = [&](std::int64_t hits) { return static_cast<double>(hits) / count; };
  return {ranks, errors, rank / count, reciprocal / count, share(at_1), share(at_3), share(at_10)};
}

RankFigures RankTable::of(std::int32_t relation, Side side) const {
  return sums_[relation][static_cast<std::size_t>(side)].means();
}

RankFigures RankTable::of(std::int32_t relation) const {
  Sums both = sums_[relation][0];
  both += sums_[relation][1];
  return both.means();
}

RankFigures RankTable::of(Side side) const {
  Sums all;
  for (const auto& sums : sums_) all += sums[static_cast<std::size_t>(side)];
  return all.means();
}

RankFigures RankTable::micro() const {
  Sums all;
  for (const auto& sums : sums_) {
    for (const Sums& side : sums) all += side;
  }
  return all.means();
}

RankFigures RankTable::macro() const {
  RankFigures macro;
  double relations = 0;
  for (std::size_t r = 0; r < sums_.size(); ++r) {
    const RankFigures figures = of(static_cast<std::int32_t>(r));
    if (figures.ranks == 0) continue;
    ++relations;
    macro.ranks += figures.ranks;
    macro.errors += figures.errors;
    // A running mean: what is added is the share of the newest.
    macro.mean_rank += (figures.mean_rank - macro.mean_rank) / relations;
    macro.mrr += (figures.mrr - macro.mrr) / relations;
    macro.hits_at_1 += (figures.hits_at_1 - macro.hits_at_1) / relations;
    macro.hits_at_3 += (figures.hits_at_3 - macro.hits_at_3) / relations;
    macro.hits_at_10 += (figures.hits_at_10 - macro.hits_at_10) / relations;
  }
  return relations == 0 ? Sums{}.means() : macro;
}

}  // namespace hgnn_moe::kg
