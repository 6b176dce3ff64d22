#include "hgnn_moe/hgt/graph_data.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "found_for.h"

#include "hgnn_moe/base/error.h"
#include "hgnn_moe/base/text.h"
#include "hgnn_moe/kg/facts.h"
#include "hgnn_moe/kg/find_node_type.h"
#include "hgnn_moe/kg/find_relations.h"
#include "hgnn_moe/kg/limit_nodes.h"
#include "hgnn_moe/kg/reverses.h"
#include "hgnn_moe/kg/shuffled_edges.h"

namespace hgnn_moe::hgt {

namespace {

// A line of the log each.
void add_lines(const std::string& text, std::vector<std::string>& notes) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    notes.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

kg::Split split_of_parts(const HgtConfig& config, const std::vector<kg::LoadedGraph>& parts,
                         std::vector<std::string>& notes) {
  if (parts.size() < 2) {
    fail(ExitCode::usage,
         "split is files, but graph '{}' has no files of held-out triples; give a folder with "
         "train.txt, valid.txt and test.txt, or another split",
         config.graph);
  }
  // All parts have all nodes.
  if (config.limit_nodes != kAll && config.limit_nodes < parts.front().graph.node_count()) {
    fail(
        ExitCode::usage,
        "limit_nodes is {}{}, but held-out triples of files join all {} nodes; give limit_nodes -1 "
        "or split pairs",
        config.limit_nodes,
        config.preset == HgtPreset::none ? "" : " (of the preset, where you did not give it)",
        parts.front().graph.node_count());
  }
  const HgtConfig defaults;
  if (!config.split_relations.empty() || config.valid_fraction != defaults.valid_fraction ||
      config.test_fraction != defaults.test_fraction) {
    notes.push_back(
        "split_relations, valid_fraction and test_fraction have no effect: the files say what is "
        "held out, give split pairs for another split");
  }
  return kg::split_of_files(parts);
}

// The graph of the first part; a split of its own needs no other.
kg::Graph whole_graph(const HgtConfig& config, const std::vector<kg::LoadedGraph>& parts,
                      std::vector<std::string>& notes) {
  if (parts.size() > 1) {
    notes.push_back(
        fmt::format("only the first of {} files of triples is used, because split is "
                    "not files",
                    parts.size()));
  }
  const kg::ReversedGraph reversed = kg::with_reverses(parts.front().graph);
  add_lines(kg::to_text(reversed), notes);
  if (config.limit_nodes == kAll) return reversed.graph;
  const kg::LimitedGraph limited =
      kg::limit_nodes(reversed.graph, config.limit_nodes, static_cast<std::uint64_t>(config.seed));
  add_lines(kg::to_text(limited), notes);
  return limited.graph;
}

kg::Split make_split(const HgtConfig& config, const std::vector<kg::LoadedGraph>& parts,
                     std::vector<std::string>& notes) {
  if (is_split_by_files(config, parts)) return split_of_parts(config, parts, notes);
  const kg::Graph graph = whole_graph(config, parts, notes);
  const kg::SplitFractions fractions{config.valid_fraction, config.test_fraction};
  const auto seed = static_cast<std::uint64_t>(config.seed);
  const std::vector<std::int32_t> relations = found_for(
      held_out_option(config), [&] { return kg::find_relations(graph, held_out_names(config)); });
  if (config.split != HgtSplit::nodes) return kg::split_pairs(graph, fractions, seed, relations);
  return kg::split_nodes(graph, kg::find_node_type(graph, config.split_node_type), relations,
                         fractions, seed);
}

// A share of few pairs may be none: then there is no figure to trust, and it has to be said.
void add_empty_parts(const HgtConfig& config, GraphData& data) {
  if (data.split.valid.empty() && config.valid_fraction > 0) {
    data.warnings.push_back(
        "nothing is held out for validation, so the last checkpoint counts as the best; give a "
        "larger graph or valid_fraction");
  }
  if (data.split.test.empty() && config.test_fraction > 0) {
    data.warnings.push_back(
        "nothing is held out for the test, so nothing tells what was learned; give a larger graph "
        "or test_fraction");
  }
}

// Their decoders would rank by numbers that nothing has trained.
void refuse_untrained_questions(const HgtConfig& config, const GraphData& data) {
  std::set<std::int32_t> untrained;
  for (const auto* part : {&data.split.valid, &data.split.test}) {
    for (const kg::Triple& triple : *part) {
      if (!is_trained(data, triple.relation)) untrained.insert(triple.relation);
    }
  }
  if (untrained.empty()) return;
  std::vector<std::string> titles;
  for (const std::int32_t r : untrained) {
    titles.push_back(kg::relation_title(data.split.train, data.split.train.relations[r]));
  }
  fail(ExitCode::usage,
       "train_relations is {}, but triples of {} are held out, which nothing would then learn to "
       "rank; add them there, or hold out others with split pairs or nodes and split_relations",
       config.train_relations, first_few(titles));
}

bool is_contrasted(const HgtConfig& config, const std::string& type) {
  return config.contrastive_weight > 0 && config.contrast_node_type == type;
}

// Nothing trains the last layer of nodes whose embeddings no loss reads.
void add_untrained_types(const HgtConfig& config, GraphData& data) {
  if (config.train_relations.empty()) return;
  const kg::Graph& graph = data.split.train;
  std::vector<std::string> untrained;
  for (std::size_t t = 0; t < graph.node_types.size(); ++t) {
    const auto type = static_cast<std::int32_t>(t);
    const bool is_end = std::any_of(
        data.trained_relations.begin(), data.trained_relations.end(), [&](std::int32_t r) {
          return graph.relations[r].head_type == type || graph.relations[r].tail_type == type;
        });
    const std::string& name = graph.node_types[t].name;
    if (!is_end && !is_contrasted(config, name) && graph.node_types[t].count > 0) {
      untrained.push_back(name);
    }
  }
  if (untrained.empty()) return;
  data.warnings.push_back(fmt::format(
      "no relation of train_relations {} has an end of type {}, so nothing trains the embeddings "
      "of these nodes: what is written of them is {}",
      config.train_relations, join(untrained, ", "),
      config.messages == HgtMessages::none
          ? "what was drawn for them"
          : "computed in the end by weights as they were drawn, and says little"));
}

// A step's facts are no messages, embeddings are computed with all.
void add_hidden_messages(const HgtConfig& config, std::int64_t facts, GraphData& data) {
  if (config.messages != HgtMessages::graph || facts > config.batch_size) return;
  if (config.train_relations.empty()) {
    data.warnings.push_back(fmt::format(
        "a step holds all {} triples and leaves them out of its messages, so no message passes in "
        "training, and those that pass when nodes are embedded do so by untrained weights; give a "
        "batch_size below {}",
        facts, facts));
    return;
  }
  data.notes.push_back(
      fmt::format("a step holds all {} triples of {} and leaves them out of its messages: what "
                  "passes along these when nodes are embedded is untrained",
                  facts, config.train_relations));
}

kg::Graph message_graph(const HgtConfig& config, const kg::Graph& train,
                        std::vector<std::string>& notes) {
  if (config.messages != HgtMessages::shuffled) return train;
  notes.push_back("messages pass along shuffled edges, which tell nothing but degrees");
  return kg::shuffled_edges(train, static_cast<std::uint64_t>(config.seed));
}

}  // namespace

kg::LoadedFiles load_graph_of(const HgtConfig& config) {
  const auto cache = config.cache_dir.empty()
                         ? std::nullopt
                         : std::optional<std::filesystem::path>(config.cache_dir);
  return kg::load_graph(kg::find_graph_files(config.graph), cache);
}

GraphData open_graph(const HgtConfig& config) {
  return graph_data_of(config, load_graph_of(config));
}

GraphData graph_data_of(const HgtConfig& config, const kg::LoadedFiles& loaded) {
  GraphData data;
  data.content_hash = loaded.content_hash;
  data.notes = loaded.notes;
  for (const kg::LoadedGraph& part : loaded.parts) {
    add_lines(kg::to_summary(part.report), data.notes);
    add_lines(kg::to_table(part.report), data.tables);
  }
  data.split = make_split(config, loaded.parts, data.notes);
  data.trained_relations = trained_relations(config, data.split.train);
  add_lines(kg::to_table(data.split), data.tables);
  data.notes.push_back(fmt::format(
      "held out: {} triples for validation, {} for the test; {} edges to train on, reverses too",
      data.split.valid.size(), data.split.test.size(), data.split.train.edge_count()));
  add_empty_parts(config, data);
  if (data.split.joined_in_training > 0) {
    data.notes.push_back(
        fmt::format("{} held-out triples join nodes that training joins too, under other relations "
                    "or the other way round",
                    data.split.joined_in_training));
  }
  const std::int64_t facts = fact_count(data);
  if (facts == 0) {
    fail(ExitCode::data, "graph '{}' has no edge to train on{}", config.graph,
         config.train_relations.empty() ? "" : " of train_relations " + config.train_relations);
  }
  if (!config.train_relations.empty()) {
    data.notes.push_back(fmt::format("{} triples of {} are learned, the others carry messages",
                                     facts, config.train_relations));
  }
  refuse_untrained_questions(config, data);
  inductive_types(config, data.split.train);  // or says which one there is not
  add_untrained_types(config, data);
  add_hidden_messages(config, facts, data);
  data.messages = message_graph(config, data.split.train, data.notes);
  if (config.node_features == HgtFeatures::given) {
    data.features = read_given_features(config.features, data.split.train);
    data.notes.insert(data.notes.end(), data.features.notes.begin(), data.features.notes.end());
  }
  return data;
}

std::vector<std::string> held_out_names(const HgtConfig& config) {
  return name_list(config.split_relations.empty() ? config.train_relations
                                                  : config.split_relations);
}

bool has_inductive_types(const HgtConfig& config) {
  return !config.inductive_types.empty() && config.messages != HgtMessages::none &&
         config.node_features != HgtFeatures::ones;
}

std::vector<bool> inductive_types(const HgtConfig& config, const kg::Graph& graph) {
  std::vector<bool> types(graph.node_types.size(), false);
  for (const std::string& name : name_list(config.inductive_types)) {
    const std::int32_t type =
        found_for("inductive_types", [&] { return kg::find_node_type(graph, name); });
    types[static_cast<std::size_t>(type)] = true;
  }
  if (!has_inductive_types(config)) return std::vector<bool>(types.size(), false);
  if (std::count(types.begin(), types.end(), true) == static_cast<std::ptrdiff_t>(types.size())) {
    fail(ExitCode::usage,
         "inductive_types {} are all types of the graph, so that no node would have features to "
         "tell others of; leave one out",
         config.inductive_types);
  }
  return types;
}

const char* held_out_option(const HgtConfig& config) {
  return config.split_relations.empty() ? "train_relations" : "split_relations";
}

std::vector<std::int32_t> trained_relations(const HgtConfig& config, const kg::Graph& graph) {
  const std::vector<std::string> names = name_list(config.train_relations);
  return kg::primary_relations(
      graph, names.empty() ? kg::all_relations(graph) : found_for("train_relations", [&] {
        return kg::find_relations(graph, names);
      }));
}

std::int64_t fact_count(const GraphData& data) {
  std::int64_t facts = 0;
  for (const std::int32_t r : data.trained_relations) facts += data.split.counts[r].train;
  return facts;
}

bool is_trained(const GraphData& data, std::int32_t relation) {
  return std::binary_search(data.trained_relations.begin(), data.trained_relations.end(), relation);
}

bool is_split_by_files(const HgtConfig& config, const std::vector<kg::LoadedGraph>& parts) {
  return config.split == HgtSplit::files ||
         (config.split == HgtSplit::automatic && parts.size() > 1);
}

std::string graph_name(const std::string& path) {
  const auto whole = std::filesystem::absolute(path).lexically_normal();
  return (whole.has_filename() ? whole.stem() : whole.parent_path().stem()).string();
}

Json graph_record(const GraphData& data) {
  const kg::Graph& graph = data.split.train;
  Json record = {{"content_hash", data.content_hash},
                 {"nodes", graph.node_count()},
                 {"train_edges", graph.edge_count()},
                 {"valid_triples", data.split.valid.size()},
                 {"test_triples", data.split.test.size()}};
  if (data.features.is_given()) {
    record["features"] = {{"path", data.features.path.string()},
                          {"content_hash", data.features.content_hash},
                          {"width", data.features.width()}};
  }
  for (const kg::NodeType& type : graph.node_types) record["node_types"][type.name] = type.count;
  for (std::size_t r = 0; r < graph.relations.size(); ++r) {
    const kg::Relation& relation = graph.relations[r];
    record["relations"].push_back({{"head_type", graph.node_types[relation.head_type].name},
                                   {"name", relation.name},
                                   {"tail_type", graph.node_types[relation.tail_type].name},
                                   {"reverse", relation.reverse},
                                   {"train_edges", relation.edges.size()}});
  }
  return record;
}

}  // namespace hgnn_moe::hgt
