// Figures of ranked candidates, as PyKEEN and the Open Graph Benchmark define them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/incoming_edges.h"

namespace hgnn_moe::kg {

// The place of the true candidate, counted from 1. A score that is NaN is an error and never helps:
// a candidate with it stands above the true one, and a true one with it stands last.
struct Rank {
  std::int64_t optimistic = 1;   // before candidates of the same score
  std::int64_t pessimistic = 1;  // behind them
  std::int64_t candidates = 1;   // those ranked, the true one among them
  std::int64_t errors = 0;       // scores that are NaN

  // What drawing lots among equals gives on average. A constant score is so given the middle place,
  // not the first (Berrendorf et al., "On the ambiguity of rank-based evaluation of entity
  // alignment or link prediction methods", 2020).
  double realistic() const { return 0.5 * static_cast<double>(optimistic + pessimistic); }
};

// Ranks `target` among the nodes of a type, of which scores[i] belongs to the i-th; the other
// `known` ones, true as well, are left out (the filtered setting: Bordes et al., "Translating
// embeddings for modeling multi-relational data", 2013).
Rank rank_of(std::int32_t target, const float* scores, const NodeType& candidates,
             const Neighbors& known);

// Means over ranks; NaN where there are none.
struct RankFigures {
  std::int64_t ranks = 0;
  std::int64_t errors = 0;
  double mean_rank = 0.0;
  double mrr = 0.0;  // mean of 1 / rank
  double hits_at_1 = 0.0;
  double hits_at_3 = 0.0;
  double hits_at_10 = 0.0;
};

class RankTable {
 public:
  explicit RankTable(std::int32_t relation_count);

  void add(std::int32_t relation, Side side, const Rank& rank);

  RankFigures of(std::int32_t relation, Side side) const;
  RankFigures of(std::int32_t relation) const;  // both sides
  RankFigures of(Side side) const;              // all relations, each rank alike
  RankFigures micro() const;                    // all ranks alike
  RankFigures macro() const;                    // the mean of the relations that have ranks

 private:
  struct Sums {
    std::int64_t ranks = 0, errors = 0;
    double rank = 0.0, reciprocal = 0.0;
    std::int64_t at_1 = 0, at_3 = 0, at_10 = 0;

    Sums& operator+=(const Sums& other);
    RankFigures means() const;
  };

  std::vector<std::array<Sums, 2>> sums_;  // by relation and side
};

}  // namespace hgnn_moe::kg
