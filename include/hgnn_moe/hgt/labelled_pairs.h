// Facts of a relation and pairs that are none, for classifiers that read embeddings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/kg/split.h"

namespace hgnn_moe::hgt {

enum class SplitPart { train, valid, test };

struct LabelledPair {
  kg::Edge pair;
  SplitPart part = SplitPart::train;
  bool is_fact = true;
};

struct LabelledPairs {
  std::int32_t relation = 0;
  HgtNegatives kind = HgtNegatives::degree_matched;
  std::vector<LabelledPair> pairs;  // by part, each fact before its negatives
  std::int64_t missing = 0;         // negatives that could not be found

  std::int64_t facts() const;
  std::int64_t negatives() const;
};

struct PairNegatives {
  HgtNegatives kind = HgtNegatives::degree_matched;
  std::int64_t of_each = 1;
  std::uint64_t seed = 0;
};

// The one relation that `text` names. Throws Error(usage) for none, and for several with their
// titles.
std::int32_t find_pair_relation(const kg::Graph& graph, std::string_view text);

// Every fact of the relation with the part that holds it, and negatives in the same part: its head
// with other tails. No negative is a fact of any part, and none stands twice, in other parts
// either. Degree-matched ones exchange tails within their part (kg/degree_matched.h); with one of
// each those of the test are what `hgt_embed evaluate` measures with. A relation whose reverse is
// split has the reverse's facts, flipped; of a symmetric one each trained fact stands once. Throws
// Error(usage) where the relation has no fact.
LabelledPairs labelled_pairs(const kg::Split& split, std::int32_t relation,
                             const PairNegatives& negatives);

// Writes head_id, head_type, tail_id, tail_type, label (1 is a fact), part and kind ("fact" or how
// the negative was drawn) as comma-separated values, atomically. Ids are those of embedding files.
// Throws Error(disk).
void write_pairs(const std::filesystem::path& path, const LabelledPairs& pairs,
                 const kg::Graph& graph);

}  // namespace hgnn_moe::hgt
