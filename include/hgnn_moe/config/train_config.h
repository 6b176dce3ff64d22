// The resolved configuration of hgnn_moe_train: one field an option, named as its flag.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

namespace hgnn_moe {

enum class CouplerType { gnn, hgnn, mean, none };
enum class HyperedgeStrategy { all_pairs, all_triplets, all };
enum class HyperedgeWeighting { pyg, paper };
enum class HyperedgeWeightParam { positive, raw };
enum class HyperedgeWeightSource { shared, token };
enum class HgnnActivation { none, gelu };
// How a coupler is computed, see docs/model.md; automatic is the fastest that applies.
enum class CouplerPath { automatic, collapsed, batched, sequential };
// How experts are computed: all of a layer in fused operations, or one after the other.
enum class ExpertPath { automatic, fused, reference };
// What is kept for the backward pass: all activations, or those between layers alone.
enum class ActivationCheckpointing { none, layer };
enum class SampleMode { lines, packed };
enum class Precision { fp32, bf16, tf32 };
enum class LrSchedule { cosine, linear, constant, wsd };
enum class Compat { none, original };
// What a sweep hands to a scheduler instead of running it.
enum class SweepExport { none, slurm, commands };

// Of coupler_chunk: so that no product has so few rows that it is rounded in another way.
inline constexpr std::int64_t kSmallestCouplerChunk = 32;

struct TrainConfig {
  // Model
  std::int64_t embed_dim = 256;
  std::int64_t num_layers = 4;
  std::int64_t num_heads = 0;  // 0: auto, see resolved_num_heads()
  double dropout_rate = 0.1;
  std::int64_t max_seq_length = 128;
  std::int64_t vocab_size = 0;       // 0: from dataset.json
  std::int64_t end_of_text_id = -1;  // -1: from dataset.json
  // Experts and coupler
  std::int64_t num_experts = 4;
  std::int64_t gnn_layers = 2;
  CouplerType coupler_type = CouplerType::gnn;
  std::string hgnn_conv_type = "HypergraphConv";
  HyperedgeStrategy static_hyperedge_strategy = HyperedgeStrategy::all_pairs;
  std::string hyperedges_file;
  bool hgnn_learnable_edge_weights = true;
  HyperedgeWeighting hyperedge_weighting = HyperedgeWeighting::pyg;
  HyperedgeWeightParam hyperedge_weight_param = HyperedgeWeightParam::positive;
  HyperedgeWeightSource hyperedge_weight_source = HyperedgeWeightSource::shared;
  HgnnActivation hgnn_activation = HgnnActivation::none;
  bool hgnn_residual = false;
  Compat compat = Compat::none;
  // Data
  std::string data_dir;  // $HGNN_MOE_DATA, else ./data
  std::string dataset_name = "wikitext";
  std::string dataset_config_name = "wikitext-2-v1";
  SampleMode sample_mode = SampleMode::lines;
  bool shuffle = true;
  std::int64_t num_train_samples = -1;
  std::int64_t num_eval_samples = -1;
  std::int64_t num_workers_dataloader = 2;
  bool synthetic_data = false;
  // Training
  std::int64_t batch_size = 32;
  std::int64_t gradient_accumulation_steps = 1;
  std::int64_t epochs = 8;
  std::int64_t max_batches_per_epoch = -1;
  std::int64_t max_steps = -1;
  double learning_rate = 5e-4;
  LrSchedule lr_schedule = LrSchedule::cosine;
  std::int64_t warmup_steps = 0;
  double weight_decay = 0.01;
  double grad_clip = 1.0;
  std::int64_t seed = 42;
  // Machine
  std::string device = "auto";
  Precision precision = Precision::fp32;
  ExpertPath expert_path = ExpertPath::automatic;
  CouplerPath coupler_path = CouplerPath::automatic;
  std::int64_t coupler_chunk = 0;
  bool verify_coupler = false;
  ActivationCheckpointing activation_checkpointing = ActivationCheckpointing::none;
  bool cuda_graphs = true;
  std::int64_t threads = 0;  // 0: all cores
  bool deterministic = false;
  std::int64_t profile = 0;  // steps to profile; 0: none
  // Evaluation and sampling
  std::int64_t eval_every = 200;
  bool eval_only = false;
  bool ablate = false;
  std::string dump_token_losses;
  std::string sample_ids;  // comma-separated token ids
  std::int64_t sample_tokens = 64;
  double temperature = 0.8;
  std::int64_t top_k = 50;
  // Runs and checkpoints
  std::string checkpoint_dir = "checkpoints";
  std::string run_name;
  std::string resume_checkpoint;
  std::string init_from;
  std::int64_t keep_checkpoints = 2;
  std::int64_t save_every = 0;
  bool overwrite = false;
  bool quiet = false;
  bool dry_run = false;
  // Sweeps and fair comparisons
  std::string sweep;
  bool sweep_dry_run = false;
  std::int64_t sweep_jobs = 1;
  SweepExport sweep_export = SweepExport::none;
  bool sweep_retry_failed = false;
  std::string match_parameters;
};

// Where data are looked for when neither data_dir nor $HGNN_MOE_DATA says.
inline constexpr const char* kDefaultDataDir = "./data";

// num_heads when given, else D/64 where D is a multiple of 64, else 8.
std::int64_t resolved_num_heads(const TrainConfig& config);

// `config` with num_heads, data_dir and what `compat` stands for filled in. Idempotent.
TrainConfig resolve(TrainConfig config);

// data_dir/dataset_name/dataset_config_name.
std::string data_folder_below_data_dir(const TrainConfig& config);

// dataset_name where it is a folder with a dataset.json or a token file of any split, else
// data_folder_below_data_dir.
std::string data_folder(const TrainConfig& config);

// A plain folder name from the model's shape, the seed and the time in UTC.
std::string default_run_name(const TrainConfig& config, std::time_t time);

// sample_ids as numbers; empty where it is not given.
std::vector<std::int64_t> sample_id_list(const TrainConfig& config);

// The values of an enum as users write them, counted from 0.
const std::vector<std::string>& names_of(CouplerType);
const std::vector<std::string>& names_of(HyperedgeStrategy);
const std::vector<std::string>& names_of(HyperedgeWeighting);
const std::vector<std::string>& names_of(HyperedgeWeightParam);
const std::vector<std::string>& names_of(HyperedgeWeightSource);
const std::vector<std::string>& names_of(HgnnActivation);
const std::vector<std::string>& names_of(CouplerPath);
const std::vector<std::string>& names_of(ExpertPath);
const std::vector<std::string>& names_of(ActivationCheckpointing);
const std::vector<std::string>& names_of(SampleMode);
const std::vector<std::string>& names_of(Precision);
const std::vector<std::string>& names_of(LrSchedule);
const std::vector<std::string>& names_of(Compat);
const std::vector<std::string>& names_of(SweepExport);

// The name of one value of an enum above; no candidate for other types.
template <typename Enum>
auto to_string(Enum value) -> decltype(names_of(value).front()) {
  return names_of(value).at(static_cast<std::size_t>(value));
}

}  // namespace hgnn_moe
