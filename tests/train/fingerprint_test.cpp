#include "hgnn_moe/train/fingerprint.h"

#include <gtest/gtest.h>

namespace hgnn_moe {
namespace {

using Sentences = std::vector<std::string>;

TEST(Fingerprint, EqualOnesDiffersNowhere) {
  const Json json = {{"embed_dim", 384}, {"learning_rate", 5e-4}, {"coupler_type", "HGNN"}};
  EXPECT_EQ(compare_fingerprint(json, json), Sentences{});
}

TEST(Fingerprint, OrderOfKeysDoesNotMatter) {
  EXPECT_EQ(compare_fingerprint({{"a", 1}, {"b", 2}}, {{"b", 2}, {"a", 1}}), Sentences{});
}

TEST(Fingerprint, NamesEveryDifference) {
  const Json saved = {{"embed_dim", 384}, {"seed", 42}, {"coupler_type", "HGNN"}, {"old", true}};
  const Json current = {{"embed_dim", 256}, {"seed", 42}, {"coupler_type", "GNN"}, {"new", 1.5}};
  EXPECT_EQ(compare_fingerprint(saved, current),
            (Sentences{"embed_dim: 384 in the checkpoint, 256 now",
                       "coupler_type: HGNN in the checkpoint, GNN now",
                       "old: true in the checkpoint, absent now",
                       "new: absent in the checkpoint, 1.5 now"}));
}

TEST(Fingerprint, AnOptionThatIsNotGivenIsOneThatAnOlderProgramLacks) {
  EXPECT_EQ(compare_fingerprint({{"seed", 42}}, {{"seed", 42}, {"new", nullptr}}), Sentences{});
  EXPECT_EQ(compare_fingerprint({{"seed", 42}, {"old", nullptr}}, {{"seed", 42}}), Sentences{});
  EXPECT_EQ(compare_fingerprint({{"features", "a.npy"}}, {{"features", nullptr}}),
            Sentences{"features: a.npy in the checkpoint, not given now"});
  EXPECT_EQ(compare_fingerprint({{"features", nullptr}}, {{"features", "a.npy"}}),
            Sentences{"features: not given in the checkpoint, a.npy now"});
}

TEST(Fingerprint, NestedKeysAreJoinedByDots) {
  const Json saved = {{"data", {{"name", "wikitext"}, {"hash", "aa"}}}};
  const Json current = {{"data", {{"name", "wikitext"}, {"hash", "bb"}}}};
  EXPECT_EQ(compare_fingerprint(saved, current),
            Sentences{"data.hash: aa in the checkpoint, bb now"});
}

TEST(Fingerprint, OfTheModelOnlyWhatBothHaveAndWeightsDependOn) {
  const Json saved = {{"embed_dim", 384},    {"num_experts", 2},
                      {"vocab_size", 64},    {"hgnn_learnable_edge_weights", false},
                      {"dropout_rate", 0.1}, {"seed", 42}};
  const Json current = {{"num_experts", 4}, {"embed_dim", 256},
                        {"vocab_size", 64}, {"hgnn_learnable_edge_weights", true},
                        {"gnn_layers", 2},  {"dropout_rate", 0.0},
                        {"seed", 7}};
  EXPECT_EQ(compare_model_options(saved, current),
            (Sentences{"embed_dim: 384 in the checkpoint, 256 now",
                       "num_experts: 2 in the checkpoint, 4 now",
                       "hgnn_learnable_edge_weights: false in the checkpoint, true now"}));
  EXPECT_EQ(compare_model_options(saved, Json::object()), Sentences{});
}

TEST(Fingerprint, NeighbouringDoublesDiffer) {
  EXPECT_EQ(compare_fingerprint({{"learning_rate", 0.3}}, {{"learning_rate", 0.1 + 0.2}}),
            Sentences{"learning_rate: 0.3 in the checkpoint, 0.30000000000000004 now"});
}

}  // namespace
}  // namespace hgnn_moe
