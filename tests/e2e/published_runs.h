// The published experiments as their authors typed them, and the files in configs/runs that stand
// for the same.
#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {

struct PublishedRun {
  const char* file;     // in configs/runs, without .json
  const char* command;  // the flags, verbatim
};

inline const std::vector<PublishedRun>& published_runs() {
  static const std::vector<PublishedRun> runs = {
      {"hgnn_efficiency_optimized",
       "--coupler_type HGNN --static_hyperedge_strategy all_pairs --hgnn_learnable_edge_weights "
       "--num_experts 2 --embed_dim 384 --num_layers 6 --gnn_layers 3 --learning_rate 0.0005 "
       "--epochs 15 --max_batches_per_epoch 30 --eval_every 20 --num_train_samples 3000 "
       "--num_eval_samples 750 --run_name hgnn_efficiency_optimized"},
      {"hgnn_performance_optimized",
       "--coupler_type HGNN --static_hyperedge_strategy all_pairs --hgnn_learnable_edge_weights "
       "--num_experts 4 --embed_dim 512 --num_layers 8 --gnn_layers 3 --learning_rate 0.0005 "
       "--epochs 12 --max_batches_per_epoch 35 --eval_every 25 --num_train_samples 4000 "
       "--num_eval_samples 1000 --run_name hgnn_performance_optimized"},
      {"gnn_optimized_baseline",
       "--coupler_type GNN --num_experts 2 --embed_dim 512 --num_layers 8 --gnn_layers 3 "
       "--learning_rate 0.0005 --epochs 10 --max_batches_per_epoch 30 --eval_every 20 "
       "--num_train_samples 3000 --num_eval_samples 750 --run_name gnn_optimized_baseline"},
      {"hgnn_optimized_comparison",
       "--coupler_type HGNN --static_hyperedge_strategy all_pairs --hgnn_learnable_edge_weights "
       "--num_experts 2 --embed_dim 512 --num_layers 8 --gnn_layers 3 --learning_rate 0.0005 "
       "--epochs 10 --max_batches_per_epoch 30 --eval_every 20 --num_train_samples 3000 "
       "--num_eval_samples 750 --run_name hgnn_optimized_comparison"},
      {"gnn_sweep_baseline",
       "--coupler_type GNN --num_experts 4 --embed_dim 384 --num_layers 4 --gnn_layers 2 "
       "--learning_rate 0.0003 --batch_size 64 --epochs 10 --run_name gnn_sweep_baseline"}};
  return runs;
}

inline std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

inline std::string config_file_of(const PublishedRun& run) {
  return std::string(HGNN_MOE_SOURCE_DIR) + "/configs/runs/" + run.file + ".json";
}

// Small text where the defaults look for it, so that a published command needs no other change.
inline void write_default_dataset(const fs::path& folder) {
  write_dataset(folder / "data" / "wikitext" / "wikitext-2-v1", make_documents(6, 1),
                make_documents(3, 2));
}

// Ends a run after two short steps.
inline std::vector<std::string> shortened(std::vector<std::string> arguments) {
  const std::vector<std::string> limits = {"--max_steps", "2", "--max_seq_length", "16"};
  arguments.insert(arguments.end(), limits.begin(), limits.end());
  return arguments;
}

// Two steps of the model were trained, evaluated and saved in checkpoints/RUN.
inline void expect_shortened_run(const fs::path& run, const PublishedRun& published) {
  const Json summary = read_json(run / "run_summary.json");
  EXPECT_EQ(summary.at("run_name"), published.file);
  EXPECT_EQ(summary.at("status"), "done");
  EXPECT_EQ(summary.at("steps"), 2);
  EXPECT_TRUE(summary.at("final_eval_loss").is_number());
  EXPECT_EQ(read_events(run, "step").size(), 2u);
  EXPECT_EQ(checkpoint_of(run).filename(), "step-00000002");
}

}  // namespace hgnn_moe::e2e
