#include "hgnn_moe/kg/degree_matched.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

#include "free_pairs.h"
#include "negative_key.h"

#include "hgnn_moe/base/random_choice.h"
#include "hgnn_moe/kg/relation_degrees.h"

namespace hgnn_moe::kg {
namespace {

class Matcher {
 public:
  Matcher(const Graph& train, std::int32_t relation, const std::vector<Edge>& positives,
          const TripleIndex& known, std::uint64_t seed)
      : tails_(train.node_types[train.relations[relation].tail_type]),
        degrees_(train, relation),
        free_(train, relation, known),
        key_(negative_key(seed, relation, NegativeUse::degree_matched)),
        pairs_(positives),
        is_negative_(positives.size(), false) {}

  MatchedNegatives run() {
    sort_by_tail_degree();
    // Widths in ranks: most find one of the same degree at once, and only the rest look further.
    const auto size = static_cast<std::int64_t>(pairs_.size());
    for (std::int64_t width = 1; width < 4 * size; width *= 4) switch_within(width);
    MatchedNegatives result;
    result.switched = std::count(is_negative_.begin(), is_negative_.end(), true);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      if (!is_negative_[i]) ++(replace_tail(i) ? result.replaced : result.without);
    }
    result.pairs = std::move(pairs_);
    return result;
  }

 private:
  // Positives of equal degrees in the order of their draws.
  void sort_by_tail_degree() {
    order_.resize(pairs_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    shuffle_front(order_, static_cast<std::int64_t>(order_.size()), key_);
    next_draw_ = order_.size();
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      return degrees_.of_tail(pairs_[a].tail) < degrees_.of_tail(pairs_[b].tail);
    });
  }

  // Lets each that still has its own tail try a few others at most `width` ranks away.
  void switch_within(std::int64_t width) {
    constexpr int kTries = 16;
    const auto size = static_cast<std::int64_t>(order_.size());
    for (std::int64_t rank = 0; rank < size; ++rank) {
      const std::int64_t first = std::max<std::int64_t>(rank - width, 0);
      const std::int64_t last = std::min(rank + width, size - 1);
      for (int i = 0; i < kTries && !is_negative_[order_[rank]]; ++i) {
        const std::int64_t other = first + draw_below(last - first + 1, key_, next_draw_++);
        exchange_tails(order_[rank], order_[other]);
      }
    }
  }

  // Where both become negatives by it; the second may be one already.
  void exchange_tails(std::size_t a, std::size_t b) {
    const Edge new_a{pairs_[a].head, pairs_[b].tail};
    const Edge new_b{pairs_[b].head, pairs_[a].tail};
    if (!free_.is_free(new_a) || !free_.is_free(new_b) || free_.are_same(new_a, new_b)) return;
    if (is_negative_[b]) free_.give_back(pairs_[b]);
    accept(a, new_a);
    accept(b, new_b);
  }

  // By the free node whose degree is nearest to its own, one drawn of those equally near.
  bool replace_tail(std::size_t i) {
    const std::int32_t degree = degrees_.of_tail(pairs_[i].tail);
    Edge best{pairs_[i].head, kNoNode};
    std::tuple<std::int32_t, std::uint64_t> best_rank{std::numeric_limits<std::int32_t>::max(), 0};
    for (std::int32_t tail = tails_.first; tail < tails_.first + tails_.count; ++tail) {
      const std::tuple rank{std::abs(degrees_.of_tail(tail) - degree),
                            draw_bits(key_, next_draw_++)};
      if (rank >= best_rank || !free_.is_free({pairs_[i].head, tail})) continue;
      best_rank = rank;
      best.tail = tail;
    }
    if (best.tail == kNoNode) {
      pairs_[i] = best;
      return false;
    }
    accept(i, best);
    return true;
  }

  void accept(std::size_t i, Edge pair) {
    pairs_[i] = pair;
    is_negative_[i] = true;
    free_.take(pair);
  }

  NodeType tails_;
  RelationDegrees degrees_;
  FreePairs free_;
  std::uint64_t key_;
  std::uint64_t next_draw_ = 0;
  std::vector<Edge> pairs_;
  std::vector<bool> is_negative_;   // whether a pair is no longer the positive
  std::vector<std::size_t> order_;  // of the positives
};

}  // namespace

MatchedNegatives degree_matched_negatives(const Graph& train, std::int32_t relation,
                                          const std::vector<Edge>& positives,
                                          const TripleIndex& known, std::uint64_t seed) {
  return Matcher(train, relation, positives, known, seed).run();
}

}  // namespace hgnn_moe::kg
