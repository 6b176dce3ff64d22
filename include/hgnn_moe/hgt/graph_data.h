// The graph of a run: read, cut down, split.
#pragma once

#include <string>
#include <vector>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/config/hgt_config.h"
#include "hgnn_moe/hgt/given_features.h"
#include "hgnn_moe/kg/graph.h"
#include "hgnn_moe/kg/load_graph.h"
#include "hgnn_moe/kg/split.h"

namespace hgnn_moe::hgt {

struct GraphData {
  // split.train is what is trained on, with reverses; it has the nodes, types and relations of all.
  kg::Split split;
  kg::Graph messages;  // what messages pass along: split.train, or a control's
  // Those whose facts of split.train are learned, as primary relations; ascending.
  std::vector<std::int32_t> trained_relations;
  std::string content_hash;        // of the files
  GivenFeatures features;          // empty but with node_features given
  std::vector<std::string> notes;  // lines for the log
  std::vector<std::string> warnings;
  std::vector<std::string> tables;  // for the log file alone: a line for each type and relation
};

// What config.graph names, by the options of the groups Graph and Split. Throws Error(data) where
// it or config.features cannot be read, Error(usage) for relations, types or parts that it does not
// have, and where triples are held out of a relation that is not learned.
GraphData open_graph(const HgtConfig& config);

// The same in two steps: the files alone, whose content_hash tells whether they are those that a
// run was trained on, and what `config` makes of them.
kg::LoadedFiles load_graph_of(const HgtConfig& config);
GraphData graph_data_of(const HgtConfig& config, const kg::LoadedFiles& loaded);

// Relations that are held out, as they are given: those that are learned where nothing else is
// said; none for all of the graph.
std::vector<std::string> held_out_names(const HgtConfig& config);

// The option that they are of.
const char* held_out_option(const HgtConfig& config);

// Relations whose facts are learned, as primary ones; all where none is named. Throws Error(usage)
// for a relation that the graph does not have.
std::vector<std::int32_t> trained_relations(const HgtConfig& config, const kg::Graph& graph);

// How many facts are learned.
std::int64_t fact_count(const GraphData& data);

// Of a primary relation.
bool is_trained(const GraphData& data, std::int32_t relation);

// Whether inductive_types names some and something else than their features can tell their nodes
// apart.
bool has_inductive_types(const HgtConfig& config);

// For each type whether its nodes have no features of their own (InputOptions); none without
// has_inductive_types. Throws Error(usage) for a type that the graph does not have,
// and where they are all types.
std::vector<bool> inductive_types(const HgtConfig& config, const kg::Graph& graph);

// Whether files say what is held out, and no option does.
bool is_split_by_files(const HgtConfig& config, const std::vector<kg::LoadedGraph>& parts);

// What runs on the graph at `path` are called by: the name of its file without ending, or of its
// folder.
std::string graph_name(const std::string& path);

// What is said of it in config.json: types, relations and counts of what is held out.
Json graph_record(const GraphData& data);

}  // namespace hgnn_moe::hgt
