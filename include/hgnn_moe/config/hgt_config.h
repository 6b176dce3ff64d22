// The resolved configuration of hgt_embed: one field an option, named as its flag.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hgnn_moe/config/train_config.h"

namespace hgnn_moe {

enum class HgtCommand { train, embed, evaluate, validate, predict, compare };
// Values for several options at once; see resolved_hgt_config.
enum class HgtPreset { none, quick, full, high_quality, memory_constrained };
enum class HgtSplit { automatic, pairs, nodes, files };
enum class HgtFeatures { learned, random, ones, given };
enum class HgtDecoder { dot, distmult, complex, rotate };
enum class HgtLoss { bce, softmax };
// What is done with candidates that training knows to be true.
enum class HgtKnown { left_out, targets };
enum class HgtSampling { neighbors, edges };
// Which edges messages pass along: controls that tell what the graph is good for.
enum class HgtMessages { graph, shuffled, none };
// Tails that make a fact a pair that is not known.
enum class HgtNegatives { degree_matched, uniform };
// What the runs of a comparison differ in.
enum class HgtComparison { batch, device, messages, features };

// All neighbours of a node in num_neighbors, all nodes of a type in num_negatives.
inline constexpr std::int64_t kAll = -1;
// In place of a seed: that of the run which is opened.
inline constexpr std::int64_t kRunsSeed = -1;

struct HgtConfig {
  HgtCommand command = HgtCommand::validate;
  HgtPreset preset = HgtPreset::none;
  // Graph
  std::string graph;
  std::int64_t limit_nodes = kAll;
  std::string cache_dir;
  // Split
  HgtSplit split = HgtSplit::automatic;
  std::string split_relations;
  std::string split_node_type;
  double valid_fraction = 0.1;
  double test_fraction = 0.1;
  // Model
  HgtFeatures node_features = HgtFeatures::learned;
  std::string features;
  std::string inductive_types;
  HgtMessages messages = HgtMessages::graph;
  std::int64_t hidden_dim = 256;
  std::int64_t embedding_dim = 512;
  std::int64_t num_layers = 2;
  std::int64_t num_heads = 8;
  bool layer_norm = false;
  bool jumping_knowledge = true;
  double embedding_init = 0.1;
  double dropout_rate = 0.0;
  double embedding_dropout = 0.2;
  HgtDecoder decoder = HgtDecoder::distmult;
  double margin = 12.0;
  // Sampling
  HgtSampling sampling = HgtSampling::neighbors;
  std::string num_neighbors = "10,10";
  std::int64_t edge_sample_size = 5000;
  std::int64_t num_negatives = 256;
  HgtKnown known_candidates = HgtKnown::targets;
  std::int64_t num_workers_dataloader = 1;
  // Training
  std::string train_relations;
  std::int64_t num_epochs = 100;
  std::int64_t max_steps = -1;  // all
  std::int64_t batch_size = 4096;
  std::int64_t accumulation_steps = 8;
  HgtLoss loss = HgtLoss::softmax;
  double contrastive_weight = 0.0;
  double similarity_threshold = 0.1;
  std::string contrast_relations;
  std::string contrast_node_type = "disease";
  std::int64_t contrast_anchors = 256;
  double contrast_temperature = 0.1;
  double learning_rate = 1e-3;
  LrSchedule lr_schedule = LrSchedule::constant;
  double weight_decay = 0.0;
  double grad_clip = 1.0;
  std::int64_t seed = 42;
  // Evaluation
  std::int64_t eval_every = 10;
  std::int64_t num_eval_triples = 10'000;
  std::int64_t node_batch_size = 1024;
  // Embeddings
  std::string embeddings;
  std::string ids;
  // A finished run
  std::string run;
  std::string checkpoint = "best";  // or latest, or the name of one
  std::int64_t negatives_seed = kRunsSeed;
  // What is written of it
  std::string out;
  std::string node_type;
  std::string pairs;
  std::int64_t negatives = 1;
  HgtNegatives negative_kind = HgtNegatives::degree_matched;
  // Validation, evaluation, prediction, comparison
  std::string json;
  // Prediction
  std::string head;
  std::string tail;
  // Prediction, comparison
  std::string relation;
  std::int64_t top = 20;
  bool ignore_verdict = false;
  // Comparison
  HgtComparison compare = HgtComparison::batch;
  std::string variants;  // "": all
  std::string seeds = "1,2,3";
  // Machine
  std::string device = "auto";
  std::string memory_limit;  // as parse_bytes reads it; "": what there is
  std::int64_t threads = 0;  // 0: all cores
  // Runs and checkpoints
  std::string checkpoint_dir = "checkpoints";
  std::string run_name;
  std::string resume_checkpoint;
  std::int64_t keep_checkpoints = 2;
  bool overwrite = false;
  bool quiet = false;
  bool dry_run = false;
};

// The names of the values, counted from 0.
const std::vector<std::string>& names_of(HgtCommand);
const std::vector<std::string>& names_of(HgtPreset);
const std::vector<std::string>& names_of(HgtSplit);
const std::vector<std::string>& names_of(HgtFeatures);
const std::vector<std::string>& names_of(HgtDecoder);
const std::vector<std::string>& names_of(HgtLoss);
const std::vector<std::string>& names_of(HgtKnown);
const std::vector<std::string>& names_of(HgtSampling);
const std::vector<std::string>& names_of(HgtMessages);
const std::vector<std::string>& names_of(HgtNegatives);
const std::vector<std::string>& names_of(HgtComparison);

// What a comparison can set side by side, in the order of its table.
const std::vector<std::string>& variants_of(HgtComparison comparison);

// "10,10": a number for each layer, the one nearest to the seeds first; "all" is kAll. Not to be
// called with a text that the options refuse.
std::vector<std::int64_t> neighbor_counts(const std::string& num_neighbors);

// "1,2,3". Not to be called with a text that the options refuse.
std::vector<std::int64_t> seed_list(const std::string& seeds);

// Names separated by commas, without spaces around them; none of "". A comma between parentheses
// is part of a name: "(Gene, participates, Pathway),treats" are two.
std::vector<std::string> name_list(const std::string& text);

}  // namespace hgnn_moe
