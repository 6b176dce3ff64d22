#include "hgnn_moe/config/train_options.h"

#include <cstdlib>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/config/parse_support.h"

#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

const std::string kUsagePage = HGNN_MOE_SOURCE_DIR "/docs/usage.md";

// Command lines and configuration files in the field use these names: one may be added here, none
// may change or go.
TEST(TrainOptions, NamesAreFrozen) {
  const std::set<std::string> frozen = {
      "config", "help", "version",
      // since the Python original
      "embed_dim", "num_layers", "num_heads", "dropout_rate", "num_experts", "gnn_layers",
      "coupler_type", "hgnn_conv_type", "static_hyperedge_strategy", "hgnn_learnable_edge_weights",
      "batch_size", "learning_rate", "epochs", "max_batches_per_epoch", "eval_every",
      "dataset_name", "dataset_config_name", "num_train_samples", "num_eval_samples",
      "checkpoint_dir", "resume_checkpoint", "run_name", "seed", "num_workers_dataloader", "quiet",
      // ours
      "data_dir", "max_seq_length", "sample_mode", "shuffle", "vocab_size", "end_of_text_id",
      "hyperedge_weighting", "hyperedge_weight_param", "hyperedges_file", "compat", "device",
      "precision", "threads", "deterministic", "weight_decay", "warmup_steps", "grad_clip",
      "gradient_accumulation_steps", "max_steps", "init_from", "eval_only", "dump_token_losses",
      "sample_ids", "sample_tokens", "temperature", "top_k", "lr_schedule", "dry_run",
      "keep_checkpoints", "save_every", "overwrite", "synthetic_data",
      // coupling operations
      "hyperedge_weight_source", "hgnn_activation", "hgnn_residual", "expert_path", "coupler_path",
      "coupler_chunk", "verify_coupler", "activation_checkpointing", "profile",
      // steps on a GPU
      "cuda_graphs",
      // what the graph learned
      "ablate",
      // sweeps
      "sweep", "sweep_dry_run", "sweep_jobs", "sweep_export", "sweep_retry_failed",
      "match_parameters"};
  const std::vector<std::string> names = option_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), frozen);
  EXPECT_EQ(names.size(), frozen.size()) << "a name stands in the table twice";
}

TEST(TrainOptions, DefaultsAreFrozen) {
  Json defaults = to_json(TrainConfig{});
  defaults.erase("data_dir");  // follows the environment
  const Json expected = parse_json(R"({
      "embed_dim": 256, "num_layers": 4, "num_heads": 4, "dropout_rate": 0.1,
      "max_seq_length": 128, "vocab_size": null, "end_of_text_id": null,
      "num_experts": 4, "gnn_layers": 2, "coupler_type": "GNN", "hgnn_conv_type": "HypergraphConv",
      "static_hyperedge_strategy": "all_pairs", "hyperedges_file": null,
      "hgnn_learnable_edge_weights": true, "hyperedge_weighting": "pyg",
      "hyperedge_weight_param": "positive", "hyperedge_weight_source": "shared",
      "hgnn_activation": "none",
      "hgnn_residual": false, "compat": "none",
      "dataset_name": "wikitext", "dataset_config_name": "wikitext-2-v1", "sample_mode": "lines",
      "shuffle": true, "num_train_samples": -1, "num_eval_samples": -1,
      "num_workers_dataloader": 2, "synthetic_data": false,
      "batch_size": 32, "gradient_accumulation_steps": 1, "epochs": 8, "max_batches_per_epoch": -1,
      "max_steps": -1, "learning_rate": 5e-4, "lr_schedule": "cosine", "warmup_steps": 0,
      "weight_decay": 0.01, "grad_clip": 1.0, "seed": 42,
      "device": "auto", "precision": "fp32", "expert_path": "auto", "coupler_path": "auto", "coupler_chunk": 0,
      "verify_coupler": false, "activation_checkpointing": "none", "cuda_graphs": true, "threads": 0, "deterministic": false,
      "profile": 0,
      "eval_every": 200, "eval_only": false, "ablate": false, "dump_token_losses": null, "sample_ids": null,
      "sample_tokens": 64, "temperature": 0.8, "top_k": 50,
      "checkpoint_dir": "checkpoints", "run_name": null, "resume_checkpoint": null,
      "init_from": null, "keep_checkpoints": 2, "save_every": 0, "overwrite": false,
      "quiet": false, "dry_run": false,
      "sweep": null, "sweep_dry_run": false, "sweep_jobs": 1, "sweep_export": "none",
      "sweep_retry_failed": false, "match_parameters": null})",
                                   "defaults", ExitCode::internal);
  EXPECT_EQ(defaults.dump(1), expected.dump(1));
}

struct PublishedRun {
  std::string name;
  std::string flags;
  std::string changes;  // to the defaults, as JSON
};

// GoogleTest would print the object's bytes, pointers among them, into the test's name.
void PrintTo(const PublishedRun& run, std::ostream* out) { *out << run.name; }

class PublishedRuns : public testing::TestWithParam<PublishedRun> {};

TEST_P(PublishedRuns, FlagsAndFileGiveTheSameConfiguration) {
  std::istringstream words(GetParam().flags);
  std::vector<std::string> arguments;
  for (std::string word; words >> word;) arguments.push_back(word);
  const Json from_flags = to_json(parse(arguments).config);

  Json expected = to_json(TrainConfig{});
  expected.update(parse_json(GetParam().changes, "changes", ExitCode::internal));
  EXPECT_EQ(from_flags.dump(1), expected.dump(1));

  const std::string file = HGNN_MOE_SOURCE_DIR "/configs/runs/" + GetParam().name + ".json";
  EXPECT_EQ(to_json(parse({"--config", file}).config).dump(1), from_flags.dump(1));
}

INSTANTIATE_TEST_SUITE_P(
    TrainOptions, PublishedRuns,
    testing::Values(
        PublishedRun{"hgnn_efficiency_optimized",
                     "--coupler_type HGNN --static_hyperedge_strategy all_pairs "
                     "--hgnn_learnable_edge_weights --num_experts 2 --embed_dim 384 "
                     "--num_layers 6 --gnn_layers 3 --learning_rate 0.0005 --epochs 15 "
                     "--max_batches_per_epoch 30 --eval_every 20 --num_train_samples 3000 "
                     "--num_eval_samples 750 --run_name hgnn_efficiency_optimized",
                     R"({"coupler_type": "HGNN", "num_experts": 2, "embed_dim": 384,
                         "num_heads": 6, "num_layers": 6, "gnn_layers": 3, "epochs": 15,
                         "max_batches_per_epoch": 30, "eval_every": 20,
                         "num_train_samples": 3000, "num_eval_samples": 750,
                         "run_name": "hgnn_efficiency_optimized"})"},
        PublishedRun{"hgnn_performance_optimized",
                     "--coupler_type HGNN --static_hyperedge_strategy all_pairs "
                     "--hgnn_learnable_edge_weights --num_experts 4 --embed_dim 512 "
                     "--num_layers 8 --gnn_layers 3 --learning_rate 0.0005 --epochs 12 "
                     "--max_batches_per_epoch 35 --eval_every 25 --num_train_samples 4000 "
                     "--num_eval_samples 1000 --run_name hgnn_performance_optimized",
                     R"({"coupler_type": "HGNN", "embed_dim": 512, "num_heads": 8,
                         "num_layers": 8, "gnn_layers": 3, "epochs": 12,
                         "max_batches_per_epoch": 35, "eval_every": 25,
                         "num_train_samples": 4000, "num_eval_samples": 1000,
                         "run_name": "hgnn_performance_optimized"})"},
        PublishedRun{"gnn_optimized_baseline",
                     "--coupler_type GNN --num_experts 2 --embed_dim 512 --num_layers 8 "
                     "--gnn_layers 3 --learning_rate 0.0005 --epochs 10 "
                     "--max_batches_per_epoch 30 --eval_every 20 --num_train_samples 3000 "
                     "--num_eval_samples 750 --run_name gnn_optimized_baseline",
                     R"({"num_experts": 2, "embed_dim": 512, "num_heads": 8, "num_layers": 8,
                         "gnn_layers": 3, "epochs": 10, "max_batches_per_epoch": 30,
                         "eval_every": 20, "num_train_samples": 3000, "num_eval_samples": 750,
                         "run_name": "gnn_optimized_baseline"})"},
        PublishedRun{"hgnn_optimized_comparison",
                     "--coupler_type HGNN --static_hyperedge_strategy all_pairs "
                     "--hgnn_learnable_edge_weights --num_experts 2 --embed_dim 512 "
                     "--num_layers 8 --gnn_layers 3 --learning_rate 0.0005 --epochs 10 "
                     "--max_batches_per_epoch 30 --eval_every 20 --num_train_samples 3000 "
                     "--num_eval_samples 750 --run_name hgnn_optimized_comparison",
                     R"({"coupler_type": "HGNN", "num_experts": 2, "embed_dim": 512,
                         "num_heads": 8, "num_layers": 8, "gnn_layers": 3, "epochs": 10,
                         "max_batches_per_epoch": 30, "eval_every": 20,
                         "num_train_samples": 3000, "num_eval_samples": 750,
                         "run_name": "hgnn_optimized_comparison"})"},
        PublishedRun{"gnn_sweep_baseline",
                     "--coupler_type GNN --num_experts 4 --embed_dim 384 --num_layers 4 "
                     "--gnn_layers 2 --learning_rate 0.0003 --batch_size 64 --epochs 10 "
                     "--run_name gnn_sweep_baseline",
                     R"({"embed_dim": 384, "num_heads": 6, "learning_rate": 0.0003,
                         "batch_size": 64, "epochs": 10, "run_name": "gnn_sweep_baseline"})"}),
    [](const auto& info) { return info.param.name; });

TEST(TrainOptions, ADumpedConfigurationGivesItselfAgain) {
  const ConfigFolder folder;
  const std::vector<std::vector<std::string>> command_lines = {
      {},
      {"--coupler_type", "HGNN", "--hyperedges_file", "edges.json", "--compat", "original"},
      {"--embed_dim", "96", "--vocab_size", "300", "--end_of_text_id", "0", "--no_shuffle"},
      {"--learning_rate", "1.2345678901234567e-5", "--resume_checkpoint", "auto", "--run_name",
       "r"}};
  for (const std::vector<std::string>& arguments : command_lines) {
    const Json dumped = to_json(parse(arguments).config);
    const std::string file = folder.write("dump.json", dumped.dump());
    EXPECT_EQ(to_json(parse({"--config", file}).config), dumped);
  }
}

TEST(TrainOptions, EveryRunHasAName) {
  EXPECT_EQ(parse({}).config.run_name.find("gnn-g2-e4-d256-l4-s42-"), 0u);
  EXPECT_EQ(provenance_of(parse({}), "run_name"), "default");
  EXPECT_EQ(parse({"--run_name", "mine"}).config.run_name, "mine");
  EXPECT_EQ(parse({"--resume_checkpoint", "runs/mine/checkpoints/step-00000001"}).config.run_name,
            "");
  for (const char* name : {".", "..", "a/b", "/", ""}) {
    EXPECT_NE(errors_of({"--run_name", name}), "") << name;
  }
}

TEST(TrainOptions, RangesEndWhereTheyShould) {
  const std::vector<std::vector<std::string>> accepted = {
      {"--dropout_rate", "0"}, {"--dropout_rate", "0.999"}, {"--temperature", "0"},
      {"--weight_decay", "0"}, {"--grad_clip", "0"},        {"--warmup_steps", "0"},
      {"--top_k", "0"},        {"--eval_every", "0"},       {"--save_every", "0"},
      {"--max_steps", "-1"},   {"--max_steps", "1"},        {"--max_batches_per_epoch", "-1"},
      {"--threads", "0"},      {"--num_eval_samples", "1"}, {"--seed", "9223372036854775807"},
      {"--device", "cpu"},     {"--device", "cuda"},        {"--device", "cuda:12"},
      {"--embed_dim", "8"},    {"--sample_ids", "0,1"},     {"--num_workers_dataloader", "0"}};
  for (const auto& arguments : accepted) {
    EXPECT_EQ(errors_of(arguments), "") << arguments[0] << " " << arguments[1];
  }
  const std::vector<std::vector<std::string>> refused = {{"--dropout_rate", "1"},
                                                         {"--dropout_rate", "-0.1"},
                                                         {"--temperature", "-0.1"},
                                                         {"--learning_rate", "0"},
                                                         {"--learning_rate", "inf"},
                                                         {"--learning_rate", "-1"},
                                                         {"--weight_decay", "-1e-9"},
                                                         {"--grad_clip", "nan"},
                                                         {"--warmup_steps", "-1"},
                                                         {"--max_steps", "0"},
                                                         {"--max_steps", "-2"},
                                                         {"--num_train_samples", "0"},
                                                         {"--epochs", "0"},
                                                         {"--batch_size", "0"},
                                                         {"--num_experts", "0"},
                                                         {"--seed", "-1"},
                                                         {"--vocab_size", "0"},
                                                         {"--num_heads", "0"},
                                                         {"--keep_checkpoints", "0"},
                                                         {"--device", "gpu"},
                                                         {"--device", "cuda:"},
                                                         {"--device", "cuda:x"},
                                                         {"--device", "CPU"},
                                                         {"--coupler_type", "gnn"},
                                                         {"--hgnn_conv_type", "GATConv"},
                                                         {"--sample_ids", "1,,2"},
                                                         {"--sample_ids", "1,"},
                                                         {"--sample_ids", "1, 2"},
                                                         {"--sample_ids", "-1"},
                                                         {"--sample_ids", "a"},
                                                         {"--precision", "fp16"},
                                                         {"--sample_mode", "Packed"}};
  for (const auto& arguments : refused) {
    const std::string errors = errors_of(arguments);
    EXPECT_EQ(errors.find(arguments[0] + " is \"" + arguments[1] + "\"; give "), 0u) << errors;
  }
}

TEST(TrainOptions, FlagsOfASweepAreCheckedRunByRun) {
  EXPECT_EQ(errors_of({"--sweep", "s.json", "--num_heads", "3"}), "");
  EXPECT_NE(errors_of({"--num_heads", "3"}), "");
}

TEST(TrainOptions, ASweepIsNamedAfterItsFile) {
  EXPECT_EQ(parse({"--sweep", "configs/sweeps/layers.json"}).config.run_name, "layers");
  EXPECT_EQ(parse({"--sweep", "layers.json", "--run_name", "mine"}).config.run_name, "mine");
}

TEST(TrainOptions, ResolvedSettingsAreThoseOfTheCommandLine) {
  const ParsedConfig parsed = parse({"--embed_dim", "96", "--num_heads", "auto", "--no_shuffle"});
  EXPECT_EQ(parsed.settings.at("embed_dim").value, 96);
  EXPECT_EQ(parsed.settings.at("shuffle").value, false);
  EXPECT_EQ(parsed.settings.count("num_heads"), 0u);
  EXPECT_EQ(given_config(parsed.settings).num_heads, 0) << "nothing is resolved";
  ParsedConfig again = resolve_settings(parsed.settings);
  again.config.run_name = parsed.config.run_name;  // has the time in it
  EXPECT_EQ(to_json(again.config), to_json(parsed.config));
  EXPECT_EQ(again.provenance, parsed.provenance);
}

TEST(TrainOptions, CompatIsTheSourceOfWhatItSets) {
  const ParsedConfig parsed = parse({"--coupler_type", "HGNN", "--compat", "original"});
  EXPECT_EQ(parsed.config.hyperedge_weight_param, HyperedgeWeightParam::raw);
  EXPECT_EQ(provenance_of(parsed, "hyperedge_weight_param"), "compat original");
  EXPECT_EQ(provenance_of(parsed, "hyperedge_weighting"), "compat original");
  EXPECT_EQ(provenance_of(parsed, "compat"), "flag");
}

TEST(TrainOptions, ProvenanceHasEveryKeyInTableOrder) {
  const ParsedConfig parsed = parse({});
  const Json config = to_json(parsed.config);
  ASSERT_EQ(parsed.provenance.size(), config.size());
  std::size_t i = 0;
  for (const auto& item : config.items()) {
    EXPECT_EQ(parsed.provenance[i++].first, item.key());
  }
}

TEST(TrainOptions, HelpShowsEverySpellingThatWorks) {
  const std::string help = help_text();
  for (const OptionSpec& spec : train_option_table().specs()) {
    EXPECT_NE(help.find("  --" + spec.name + (spec.is_boolean() ? ", --no_" + spec.name : " ")),
              std::string::npos)
        << spec.name;
  }
  for (const char* flag : {"  --config FILE", "  --help ", "  --version "}) {
    EXPECT_NE(help.find(flag), std::string::npos) << flag;
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

TEST(TrainOptions, ValuesShownInTheHelpAreAccepted) {
  for (const OptionSpec& spec : train_option_table().specs()) {
    if (const auto* choices = std::get_if<Choices>(&spec.domain)) {
      for (const std::string& name : choices->names) {
        // An HGNN, because coupler_path collapsed is of an HGNN alone.
        if (spec.name == "sweep_export") {
          EXPECT_EQ(errors_of({"--sweep", "s.json", "--" + spec.name, name}), "");
        } else if (spec.name == "coupler_type") {
          EXPECT_EQ(errors_of({"--" + spec.name, name}), "");
        } else {
          EXPECT_EQ(errors_of({"--coupler_type", "HGNN", "--" + spec.name, name}), "");
        }
      }
    } else if (spec.takes_value() && !spec.default_value.is_null()) {
      EXPECT_EQ(errors_of({"--" + spec.name, default_text(spec)}), "");
    }
  }
}

// HGNN_MOE_WRITE_DOCS=1 brings the page up to date instead.
TEST(TrainOptions, TheUsagePageHoldsTheTable) {
  const std::string begin = "<!-- options: begin -->\n";
  const std::string end = "\n<!-- options: end -->";
  std::string page = read_text_file(kUsagePage, ExitCode::internal);
  const std::size_t from = page.find(begin);
  const std::size_t to = page.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos) << kUsagePage;
  const std::size_t start = from + begin.size();
  if (std::getenv("HGNN_MOE_WRITE_DOCS") != nullptr) {
    page.replace(start, to - start, options_markdown());
    write_file_atomically(kUsagePage, page);
    GTEST_SKIP() << "wrote " << kUsagePage;
  }
  EXPECT_EQ(page.substr(start, to - start), options_markdown())
      << "run this test once with HGNN_MOE_WRITE_DOCS=1";
}

TEST(TrainOptions, TheUsagePageListsEveryExitCode) {
  const std::string page = read_text_file(kUsagePage, ExitCode::internal);
  for (const ExitCode code : {ExitCode::ok, ExitCode::internal, ExitCode::usage, ExitCode::data,
                              ExitCode::checkpoint, ExitCode::diverged, ExitCode::out_of_memory,
                              ExitCode::disk, ExitCode::self_check, ExitCode::rows_failed}) {
    EXPECT_NE(page.find("\n| " + std::to_string(static_cast<int>(code)) + " | "),
              std::string::npos);
  }
}

}  // namespace
}  // namespace hgnn_moe
