// The one table of hgt_embed's options.
#include <algorithm>
#include <filesystem>

#include "hgnn_moe/config/hgt_options.h"
#include "hgnn_moe/config/text_rules.h"

namespace hgnn_moe {
namespace {

bool is_neighbor_count(const std::string& text) {
  const bool is_zero = text.find_first_not_of('0') == std::string::npos;
  return text == "all" || (all_digits(text, 9) && !is_zero);
}

bool are_neighbor_counts(const std::string& text) {
  const std::vector<std::string> counts = name_list(text);
  return std::all_of(counts.begin(), counts.end(), is_neighbor_count);
}

bool is_embeddings_file(const std::string& text) {
  const std::string ending = std::filesystem::path(text).extension().string();
  return ending == ".safetensors" || ending == ".npy" || ending == ".csv";
}

bool is_csv_file(const std::string& text) {
  return std::filesystem::path(text).extension() == ".csv";
}

bool are_names(const std::string& text) {
  for (const std::string& name : name_list(text)) {
    if (name.empty()) return false;
  }
  return true;
}

bool are_seeds(const std::string& text) {
  for (const std::string& seed : name_list(text)) {
    if (!all_digits(seed, 18)) return false;
  }
  return true;
}

using Table = OptionTable<HgtConfig>;
constexpr std::int64_t kMillion = 1'000'000;

void add_graph_options(Table& t) {
  using C = HgtConfig;
  t.group("Graph");
  t.commands({"train", "embed", "evaluate", "validate", "predict", "compare"});
  t.text("graph", &C::graph, path_rule("PATH", "the path of a graph"),
         "PrimeKG's kg.csv, Hetionet's .sif with nodes.tsv, triples, or a folder with one of them; "
         "to validate: its edges are the positive pairs of the alignment; of a run: where its "
         "graph is "
         "now",
         "of a run its own, else none");
  t.commands({"train", "compare"});
  t.integer("limit_nodes", &C::limit_nodes, {1, 2'147'483'647, true},
            "train on so many nodes and the edges between them; -1 is all");
  t.text("cache_dir", &C::cache_dir, path_rule("FOLDER", "the path of a folder"),
         "where graphs are kept as they were read", "no cache");
  t.choice("split", &C::split,
           "what is held out: pairs of nodes with all their edges, all edges of split_relations at "
           "nodes of split_node_type, or what the files valid and test of triples hold; auto is "
           "files where there are such files, else pairs");
  t.text("split_relations", &C::split_relations,
         {"NAMES", "names of relations separated by commas", are_names},
         "relations that are held out",
         "those of train_relations, else all; with split nodes they have to be given");
  t.text("split_node_type", &C::split_node_type, {"NAME", "a type of nodes", any_text},
         "the type whose nodes are held out with split nodes", "none");
  t.real("valid_fraction", &C::valid_fraction, {0.0, 1.0, false, true},
         "share of the pairs or nodes that checkpoints are chosen by");
  t.real("test_fraction", &C::test_fraction, {0.0, 1.0, false, true},
         "share of the pairs or nodes that is measured in the end");
}

void add_model_options(Table& t) {
  using C = HgtConfig;
  t.group("Model");
  t.choice("node_features", &C::node_features,
           "what the first layer reads: an embedding learned for each node, one drawn and left as "
           "it is, the number 1, with which nodes of a type are all but the same, or the numbers "
           "given in features");
  t.commands({"train", "embed", "evaluate", "predict", "compare"});
  t.text("features", &C::features,
         path_rule("FILE", "the path of a .safetensors, .npy or .csv file"),
         "numbers for every node, as files of embeddings hold them; of a run: where they are now",
         "of a run its own, else none");
  t.commands({"train", "compare"});
  t.text(
      "inductive_types", &C::inductive_types,
      {"NAMES", "types of nodes separated by commas", are_names},
      "types whose nodes have no features of their own: what messages bring alone tells of them, "
      "so that one that was not trained on is embedded like any other",
      "none");
  t.choice("messages", &C::messages,
           "edges that messages pass along: those of the graph, shuffled ones that keep every "
           "node's degrees, or none");
  t.integer("hidden_dim", &C::hidden_dim, {1, 65536}, "width of node features and layers");
  t.integer("embedding_dim", &C::embedding_dim, {1, 65536}, "width of the embeddings");
  t.integer("num_layers", &C::num_layers, {1, 16}, "layers that pass messages");
  t.integer("num_heads", &C::num_heads, {1, 1024}, "attention heads; divides hidden_dim");
  t.boolean("layer_norm", &C::layer_norm, "normalise what each layer gives");
  t.boolean("jumping_knowledge", &C::jumping_knowledge,
            "embeddings come from the input and all layers side by side, not from the last alone");
  t.real("embedding_init", &C::embedding_init, {0.0, RealRange{}.max, true},
         "standard deviation of learned node embeddings at the start; what is large is learned by "
         "heart");
  t.real("dropout_rate", &C::dropout_rate, {0.0, 1.0, false, true}, "dropout in the layers");
  t.real("embedding_dropout", &C::embedding_dropout, {0.0, 1.0, false, true},
         "dropout of the embeddings that losses read");
  t.choice("decoder", &C::decoder, "how a relation's score comes from two embeddings");
  t.real("margin", &C::margin, {}, "of the decoder rotate: the score at distance 0");
}

void add_sampling_options(Table& t) {
  using C = HgtConfig;
  t.group("Sampling");
  t.choice("sampling", &C::sampling,
           "messages of a micro-batch: from num_neighbors of its nodes, or along edge_sample_size "
           "edges of each relation");
  t.text(
      "num_neighbors", &C::num_neighbors,
      {"COUNTS", "a number from 1 or all for each layer, separated by commas", are_neighbor_counts},
      "neighbours of a node in each relation, the layer nearest to the result first");
  t.integer("edge_sample_size", &C::edge_sample_size, {1, 2'147'483'647},
            "edges of each relation with sampling edges");
  t.integer("num_negatives", &C::num_negatives, {1, 2'147'483'647, true},
            "nodes of each type that all triples of a step are compared with; -1 is all");
  t.choice("known_candidates", &C::known_candidates,
           "those of them that training knows to be true: left out of the loss, or targets as much "
           "as the triple's own end, which keeps dense graphs from being learned by heart");
  t.integer("num_workers_dataloader", &C::num_workers_dataloader, {0, 256},
            "threads that sample ahead; 0 samples in the training loop");
}

void add_training_options(Table& t) {
  using C = HgtConfig;
  t.group("Training");
  t.choice("preset", &C::preset,
           "values for options that are not given, as the original's: quick, full, high_quality, "
           "memory_constrained");
  t.text("train_relations", &C::train_relations,
         {"NAMES", "names of relations separated by commas", are_names},
         "relations whose triples are learned; the others carry messages and no more", "all");
  t.integer("num_epochs", &C::num_epochs, {1, kMillion}, "passes over the triples");
  t.integer("max_steps", &C::max_steps, {1, IntegerRange{}.max, true},
            "steps after which training ends, within an epoch too; -1 is all of num_epochs");
  t.integer("batch_size", &C::batch_size, {1, 2'147'483'647}, "triples of a step");
  t.integer("accumulation_steps", &C::accumulation_steps, {1, 65535},
            "micro-batches that a step is cut into: less memory, the same step");
  t.choice("loss", &C::loss,
           "binary cross entropy of triples and negatives, or cross entropy of each triple among "
           "its negatives");
  t.real("contrastive_weight", &C::contrastive_weight, {},
         "weight of the contrastive loss between nodes of contrast_node_type; 0 is none");
  t.real("similarity_threshold", &C::similarity_threshold, {0.0, 1.0, false, true},
         "Jaccard index of their neighbours above which two nodes are alike");
  t.text("contrast_node_type", &C::contrast_node_type, {"NAME", "a type of nodes", any_text},
         "nodes that are contrasted");
  t.text("contrast_relations", &C::contrast_relations,
         {"NAMES", "names of relations separated by commas", are_names},
         "relations whose neighbours are counted", "all of the type with another type");
  t.integer("contrast_anchors", &C::contrast_anchors, {1, kMillion}, "contrasted nodes of a step");
  t.real("contrast_temperature", &C::contrast_temperature, {0.0, RealRange{}.max, true},
         "that cosines are divided by");
  t.real("learning_rate", &C::learning_rate, {0.0, RealRange{}.max, true},
         "highest learning rate of Adam");
  t.choice("lr_schedule", &C::lr_schedule, "how the learning rate falls");
  t.real("weight_decay", &C::weight_decay, {},
         "decoupled weight decay; learned node embeddings have none");
  t.real("grad_clip", &C::grad_clip, {}, "total gradient norm to clip to; 0 is off");
}

void add_evaluation_options(Table& t) {
  using C = HgtConfig;
  t.group("Evaluation");
  t.integer("eval_every", &C::eval_every, {0},
            "epochs between evaluations; 0 is only after the last");
  t.integer("num_eval_triples", &C::num_eval_triples, {1, 2'147'483'647, true},
            "validation triples that are ranked at each; -1 is all. Test triples are all ranked");
  t.integer("node_batch_size", &C::node_batch_size, {1, 2'147'483'647},
            "nodes that are embedded at a time, fewer where memory_limit asks for it");
}

void add_comparison_options(Table& t) {
  using C = HgtConfig;
  t.commands({"compare"});
  t.group("Comparison");
  t.choice("compare", &C::compare,
           "what the runs differ in: mini-batches as given and full batches of all triples and "
           "neighbours; cpu and cuda; messages along the graph, shuffled edges and none; features "
           "learned, random and ones");
  t.text("variants", &C::variants,
         {"NAMES", "two or more of the comparison's variants separated by commas", are_names},
         "those to train; the others are compared with the first", "all");
  t.text("seeds", &C::seeds, {"SEEDS", "different whole numbers separated by commas", are_seeds},
         "every variant is trained with each of these");
}

void add_embedding_options(Table& t) {
  using C = HgtConfig;
  t.commands({"validate"});
  t.group("Embeddings");
  t.text("embeddings", &C::embeddings,
         path_rule("FILE", "the path of a .safetensors, .npy or .csv file"),
         "the embeddings; may be given without --embeddings", "none: it has to be given");
  t.text("ids", &C::ids, path_rule("FILE", "the path of a .tsv file"),
         "of a .npy file, a row a node: columns node_id, node_name, node_type",
         "FILE_ids.tsv beside FILE.npy, where it is");

  t.commands({"embed", "evaluate", "predict"});
  t.group("Run");
  t.text("run", &C::run, path_rule("FOLDER", "the path of a folder"),
         "what hgt_embed train wrote; may be given without --run", "none: it has to be given");
  t.text("checkpoint", &C::checkpoint,
         {"NAME", "best, latest or the name of a checkpoint, step-00000012", any_text},
         "the one of the run's checkpoints that is used; best is the latest where no triples were "
         "ranked");

  t.commands({"embed"});
  t.group("Written files");
  t.text("out", &C::out,
         {"FILE", "the path of a .safetensors, .npy or .csv file", is_embeddings_file},
         "embeddings of the nodes; replaces a file that is there, and with .npy FILE_ids.tsv too",
         "none: it has to be given");
  t.text("node_type", &C::node_type, {"NAME", "a type of nodes", any_text},
         "only nodes of this type", "all");
  t.text("pairs", &C::pairs, {"FILE", "the path of a .csv file", is_csv_file},
         "the facts of relation with their part of the split, and negatives of each: what "
         "scripts/export_pairs.py joins with the embeddings; replaces a file that is there",
         "none");
  t.integer("negatives", &C::negatives, {0, 1000}, "of each fact in pairs");
  t.choice("negative_kind", &C::negative_kind,
           "tails of the negatives in pairs: those of other facts with the nearest degrees, with "
           "which degrees tell nothing, or any");

  t.commands({"embed", "predict", "compare"});
  t.group("Relation");
  t.text("relation", &C::relation, {"NAME", "a relation's name or (HEAD, NAME, TAIL)", any_text},
         "the relation of the triple or of the pairs, Hetionet's by abbreviation too (CtD); to "
         "compare: the one whose AUPRC decides in place of the MRR",
         "none: a triple and pairs need it");

  t.commands({"predict"});
  t.group("Prediction");
  const TextRule node = {"NODE", "a node's id, name, TYPE:ID or #NUMBER", any_text};
  t.text("head", &C::head, node, "the head of the triple; its tails are ranked", "none");
  t.text("tail", &C::tail, node, "the tail of the triple; its heads are ranked", "none");
  t.integer("top", &C::top, {1, kMillion}, "nodes to print");
  t.boolean("ignore_verdict", &C::ignore_verdict, "rank by embeddings that have collapsed, too");

  t.commands({"evaluate", "validate", "predict", "compare"});
  t.group("Report");
  t.text("json", &C::json, path_rule("FILE", "the path of a file to write"),
         "the report with all figures; of validate for scripts/plot_embeddings.py", "none");
}

void add_run_options(Table& t) {
  using C = HgtConfig;
  t.group("Machine");
  t.commands({"train", "validate"});
  t.integer("seed", &C::seed, {0}, "of everything that is drawn");
  t.commands({"embed", "evaluate"});
  t.integer("negatives_seed", &C::negatives_seed, {0}, "of the negatives that are drawn",
            "seed of the run, with which evaluate has those that train measured by");
  t.commands({"train", "embed", "evaluate", "validate", "predict", "compare"});
  t.integer("threads", &C::threads, {0, 4096}, "CPU threads; 0 is all cores");
  t.commands({"train", "embed", "evaluate", "predict", "compare"});
  t.text("device", &C::device, device_rule(),
         "where to compute; auto is a GPU where there is one and the build has CUDA (preset cuda)");
  t.text("memory_limit", &C::memory_limit, memory_size_rule(),
         "memory of the whole process: training that would need more does not begin, and says what "
         "would fit; inference on all nodes takes smaller tiles",
         "what the machine or the process's control group has left");

  t.commands({"train", "compare"});
  t.group("Runs and checkpoints");
  t.text("checkpoint_dir", &C::checkpoint_dir, path_rule("FOLDER", "the path of a folder"),
         "folder of all runs");
  t.text("run_name", &C::run_name, run_name_rule(),
         "the run's folder in checkpoint_dir; to compare: that of the runs' folders",
         "from the graph and the time, or from the graph and what is compared");
  t.commands({"train"});
  t.text("resume_checkpoint", &C::resume_checkpoint,
         path_rule("FILE", "auto or a checkpoint's path"),
         "continue this run; auto is from its newest valid checkpoint", "none");
  t.commands({"train", "compare"});
  t.integer("keep_checkpoints", &C::keep_checkpoints, {1},
            "newest checkpoints to keep beside the best");
  t.boolean("overwrite", &C::overwrite, "replace a run of the same name");
  t.boolean("quiet", &C::quiet, "show only warnings and errors");
  t.boolean("dry_run", &C::dry_run,
            "print configuration, graph, parameters and memory, or to compare the runs and their "
            "state, as JSON and stop");
}

Table build_table() {
  Table t;
  add_comparison_options(t);
  add_graph_options(t);
  add_model_options(t);
  add_sampling_options(t);
  add_training_options(t);
  add_evaluation_options(t);
  add_embedding_options(t);
  add_run_options(t);
  return t;
}

}  // namespace

const OptionTable<HgtConfig>& hgt_option_table() {
  static const OptionTable<HgtConfig> table = build_table();
  return table;
}

}  // namespace hgnn_moe
