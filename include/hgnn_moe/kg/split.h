// What is trained on, what is chosen by and what is measured.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/readers.h"

namespace hgnn_moe::kg {

// Shares of what is split; the rest is for training.
struct SplitFractions {
  double valid = 0.1;
  double test = 0.1;
};

struct PartCounts {
  std::int64_t train = 0;
  std::int64_t valid = 0;
  std::int64_t test = 0;
  std::int64_t beside = 0;
};

struct Split {
  // Nodes, types and relations are those of the whole graph. Edges held out are gone together with
  // their reverses, so messages and training targets may come from here and from nowhere else.
  Graph train;
  std::vector<Triple> valid;  // relations are numbers of `train`
  std::vector<Triple> test;
  // Facts between held-out nodes under relations that were not named: neither trained on, since
  // they would tell, nor asked for, but true all the same.
  std::vector<Triple> beside;
  std::vector<PartCounts> counts;  // facts of each relation; none of those that are not primary
  // Facts of valid and test whose two nodes an edge of `train` joins as well: 0 but for files.
  std::int64_t joined_in_training = 0;
};

// Splits by undirected pairs: all edges between the same two nodes, in whatever relation and
// direction, fall in the same part, so that no reverse and no twin relation tells what is held out.
// The part is drawn from the seed and the pair's node numbers alone. With `relations` (not empty)
// only pairs with an edge of these are held out, though then with all their edges, and only facts
// of these (and of their reverses) are asked for.
//
// A relation that would keep no edge for training gets one pair back. `valid` and `test` hold each
// fact once, as its primary edge. Throws Error(usage) for fractions below 0 or that leave nothing.
Split split_pairs(const Graph& graph, const SplitFractions& fractions, std::uint64_t seed,
                  const std::vector<std::int32_t>& relations = {});

// Splits by nodes of a type: of the nodes that have edges of `relations` (diseases with
// treatments), shares are drawn for valid and test, at least one node where the share is not 0, and
// all pairs that such an edge joins to one are held out with all their edges. So nothing is known
// of how a held-out disease is treated; a relation may lose all its edges. Only facts of the named
// relations are asked for. Throws as split_pairs
// does, and Error(usage) where no node of the type has an edge of the relations.
Split split_nodes(const Graph& graph, std::int32_t node_type,
                  const std::vector<std::int32_t>& relations, const SplitFractions& fractions,
                  std::uint64_t seed);

// The split that files of triples are: parts as read_triples returns them, train first, and valid
// or test by the names of the files. Reverses are added to the first (reverses.h); the others'
// triples stay those of the files, so that figures compare with published ones, in the direction in
// which training knows their relation.
Split split_of_files(const std::vector<LoadedGraph>& parts);

// The facts of all parts but train: valid, test and beside.
std::vector<Triple> held_out_facts(const Split& split);

// A line for each relation with facts, and a last one for all.
std::string to_table(const Split& split);

}  // namespace hgnn_moe::kg
