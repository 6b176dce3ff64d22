#include "hgnn_moe/kg/uniform_negatives.h"

#include "free_pairs.h"
#include "negative_key.h"

#include "hgnn_moe/base/random_choice.h"

namespace hgnn_moe::kg {
namespace {

class EvenDraw {
 public:
  EvenDraw(const Graph& graph, std::int32_t relation, const TripleIndex& known, std::uint64_t seed)
      : tails_(graph.node_types[graph.relations[relation].tail_type]),
        free_(graph, relation, known),
        key_(negative_key(seed, relation, NegativeUse::uniform)) {}

  Edge negative_of(Edge positive) {
    Edge pair{positive.head, draw_tail(positive.head)};
    if (pair.tail != kNoNode) free_.take(pair);
    return pair;
  }

 private:
  std::int32_t draw_tail(std::int32_t head) {
    // Where most tails are free, one is found at once; else they are listed. Both are even.
    constexpr int kTries = 16;
    for (int i = 0; i < kTries; ++i) {
      const auto tail =
          tails_.first + static_cast<std::int32_t>(draw_below(tails_.count, key_, next_draw_++));
      if (free_.is_free({head, tail})) return tail;
    }
    std::vector<std::int32_t> left;
    for (std::int32_t tail = tails_.first; tail < tails_.first + tails_.count; ++tail) {
      if (free_.is_free({head, tail})) left.push_back(tail);
    }
    if (left.empty()) return kNoNode;
    const auto count = static_cast<std::int64_t>(left.size());
    return left[static_cast<std::size_t>(draw_below(count, key_, next_draw_++))];
  }

  NodeType tails_;
  FreePairs free_;
  std::uint64_t key_;
  std::uint64_t next_draw_ = 0;
};

}  // namespace

std::vector<Edge> uniform_negatives(const Graph& graph, std::int32_t relation,
                                    const std::vector<Edge>& positives, const TripleIndex& known,
                                    std::uint64_t seed) {
  EvenDraw draw(graph, relation, known, seed);
  std::vector<Edge> negatives;
  for (const Edge positive : positives) negatives.push_back(draw.negative_of(positive));
  return negatives;
}

}  // namespace hgnn_moe::kg
