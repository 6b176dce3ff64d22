// Checkpoints that are damaged, of another model or of another run: said, and nothing is lost.
#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

using data::testing::read_bytes;
using data::testing::write_bytes;

class CliCheckpointTest : public ProgramTest {
 protected:
  // A run of six steps with checkpoints at 2, 4 and 6.
  CliCheckpointTest() { expect_success(run(flags_)); }

  static std::string step(int number) {
    return "runs/run/checkpoints/step-0000000" + std::to_string(number);
  }

  Flags resume(const std::string& checkpoint = "auto") const {
    return flags_.with({{"resume_checkpoint", checkpoint}});
  }

  void flip_bit(const std::string& file) const {
    std::string bytes = read_bytes(path(file));
    bytes.at(bytes.size() / 2) ^= 0x10;
    write_bytes(path(file), bytes);
  }

  // `flags` are refused and every file but the log stays as it is.
  void expect_refused(const Flags& flags, ExitCode code,
                      const std::vector<std::string>& fragments) const {
    const auto before = snapshot(path("runs/run/checkpoints"));
    const std::string metrics = read_bytes(path("runs/run/metrics.jsonl"));
    const std::string summary = read_bytes(path("runs/run/run_summary.json"));
    const std::string config = read_bytes(path("runs/run/config.json"));
    expect_failure(run(flags), code, fragments);
    EXPECT_TRUE(before == snapshot(path("runs/run/checkpoints")));
    EXPECT_EQ(metrics, read_bytes(path("runs/run/metrics.jsonl")));
    EXPECT_EQ(summary, read_bytes(path("runs/run/run_summary.json")));
    EXPECT_EQ(config, read_bytes(path("runs/run/config.json")));
  }

  const Flags flags_ =
      tiny_synthetic().with({{"max_steps", "6"}, {"eval_every", "2"}, {"keep_checkpoints", "5"}});
};

TEST_F(CliCheckpointTest, ATruncatedOneNamesThePreviousValidOne) {
  const std::string file = step(6) + "/model.safetensors";
  fs::resize_file(path(file), fs::file_size(path(file)) - 100);
  expect_refused(resume(step(6)), ExitCode::checkpoint,
                 {"model.safetensors' is damaged", "use step-00000004"});
}

TEST_F(CliCheckpointTest, ABitFlippedOneNamesThePreviousValidOne) {
  flip_bit(step(6) + "/optimizer.safetensors");
  flip_bit(step(4) + "/state.json");
  expect_refused(resume(step(6)), ExitCode::checkpoint,
                 {"optimizer.safetensors' is damaged", "use step-00000002"});
  expect_refused(resume(step(4)), ExitCode::checkpoint, {"state.json", "use step-00000002"});
}

TEST_F(CliCheckpointTest, WithoutAValidOneTheWayOutIsNamedAndNothingIsRemoved) {
  for (const int number : {2, 4, 6}) fs::remove(path(step(number) + "/model.safetensors"));
  expect_refused(resume(), ExitCode::checkpoint, {"none of the 3 checkpoints", "overwrite"});
  expect_refused(resume(step(6)), ExitCode::checkpoint, {"model.safetensors", "--overwrite"});
}

TEST_F(CliCheckpointTest, AutoFallsBackToTheNewestValidOneAndEndsTheSame) {
  const fs::path original = path("original");
  fs::copy(path("runs/run"), original, fs::copy_options::recursive);
  flip_bit(step(6) + "/model.safetensors");
  fs::remove(path(step(4) + "/state.json"));
  const ProcessResult result = run(resume());
  expect_success(result);
  EXPECT_TRUE(contains(result.err, "resumed from step-00000002")) << result.err;
  EXPECT_TRUE(contains(result.err, "step-00000006/model.safetensors' is damaged")) << result.err;
  EXPECT_TRUE(contains(result.err, "step-00000004/state.json")) << result.err;
  expect_same_run(original, path("runs/run"));
}

TEST_F(CliCheckpointTest, APathThatIsNoCheckpointIsRefused) {
  expect_refused(resume("runs/run"), ExitCode::checkpoint, {"runs/run", "no checkpoint"});
  expect_refused(resume(step(5)), ExitCode::checkpoint, {"step-00000005"});
  expect_refused(resume(step(6)).with({{"run_name", "other"}}), ExitCode::usage,
                 {"step-00000006", "not of the run other"});
}

// As init_from takes them.
TEST_F(CliCheckpointTest, ResumeFollowsLatestAndBest) {
  const fs::path run_folder = path("runs/run");
  const auto losses = read_series(run_folder, "step", "loss");
  for (const auto& [pointer, number] : {std::pair("latest", 4), std::pair("best", 2)}) {
    const std::string file = std::string("runs/run/checkpoints/") + pointer;
    write_bytes(path(file), "step-0000000" + std::to_string(number) + "\n");
    const ProcessResult result = run(resume(file));
    expect_success(result);
    EXPECT_TRUE(contains(result.err, "resumed from step-0000000" + std::to_string(number)))
        << result.err;
    EXPECT_EQ(read_series(run_folder, "step", "loss"), losses);
  }
  expect_refused(resume("runs/run/checkpoints/best").with({{"run_name", "other"}}), ExitCode::usage,
                 {"checkpoints/best", "not of the run other"});
  fs::remove(path("runs/run/checkpoints/best"));
  expect_refused(resume("runs/run/checkpoints/best"), ExitCode::checkpoint,
                 {"runs/run/checkpoints/best", "no checkpoint", "checkpoints/latest"});
}

TEST_F(CliCheckpointTest, ResumeWithOtherFlagsNamesEachOfThem) {
  expect_refused(
      resume().with({{"embed_dim", "32"},
                     {"num_experts", "3"},
                     {"coupler_type", "MEAN"},
                     {"seed", "7"},
                     {"batch_size", "5"},
                     {"gradient_accumulation_steps", "2"},
                     {"learning_rate", "0.001"},
                     {"lr_schedule", "linear"},
                     {"weight_decay", "0.5"},
                     {"dropout_rate", "0.2"},
                     {"no_shuffle", ""},
                     {"precision", "bf16"}}),
      ExitCode::usage,
      {"embed_dim: 16 in the checkpoint, 32 now", "num_experts: 2 in the checkpoint, 3",
       "coupler_type: GNN in the checkpoint, MEAN now", "seed: 42 in the checkpoint, 7",
       "batch_size: 4 in the checkpoint, 5 now",
       "gradient_accumulation_steps: 1 in the checkpoint, 2 now", "learning_rate: 0.0005",
       "lr_schedule: cosine", "weight_decay: 0.01", "dropout_rate: 0.1",
       "shuffle: true in the checkpoint, false now", "precision: fp32"});
}

TEST_F(CliCheckpointTest, ResumeWithOtherDataOrAShorterRunIsRefused) {
  write_dataset(path("text"), make_documents(20, 1), make_documents(5, 2));
  expect_refused(resume().without("synthetic_data").with({{"dataset_name", "text"}}),
                 ExitCode::usage, {"data (content hash)", "synthetic_data: true"});
  expect_refused(resume().with({{"max_steps", "5"}}), ExitCode::usage,
                 {"max_steps: 6 in the checkpoint, 5 now", "only be raised"});
  expect_refused(resume().with({{"epochs", "1"}}), ExitCode::usage,
                 {"epochs: 8 in the checkpoint, 1 now"});
}

// From the middle, where four steps are still to be computed.
TEST_F(CliCheckpointTest, ResumeMayChangeWhatDoesNotChangeTheNumbers) {
  const fs::path run_folder = path("runs/run");
  const auto numbers = [&](const char* field) { return read_series(run_folder, "step", field); };
  const std::vector<double> losses = numbers("loss"), norms = numbers("grad_norm");
  ASSERT_EQ(losses.size(), 6u);
  expect_success(run(resume(step(2)).with({{"eval_every", "3"},
                                           {"save_every", "1"},
                                           {"keep_checkpoints", "1"},
                                           {"num_workers_dataloader", "0"},
                                           {"activation_checkpointing", "layer"},
                                           {"deterministic", ""},
                                           {"profile", "1"},
                                           {"quiet", ""}})));
  EXPECT_TRUE(contains(read_bytes(run_folder / "train.log"), "resumed from step-00000002"));
  EXPECT_EQ(numbers("loss"), losses);
  EXPECT_EQ(numbers("grad_norm"), norms);
  EXPECT_EQ(read_series(run_folder, "eval", "step"), (std::vector<double>{2, 3, 6}));
  EXPECT_LE(names_in(run_folder / "checkpoints").size(), 4u) << "latest, best and two checkpoints";
  EXPECT_TRUE(fs::exists(run_folder / "profile"));
}

// Nothing of the run that there is not stays behind.
TEST_F(CliCheckpointTest, AMistypedRunToEvaluateLeavesNoTrace) {
  const ProcessResult result = run(resume().with({{"run_name", "rnu"}, {"eval_only", ""}}));
  expect_failure(result, ExitCode::checkpoint,
                 {"nothing to evaluate", "resume_checkpoint is auto", "runs/rnu"});
  EXPECT_EQ(names_in(path("runs")), std::vector<std::string>{"run"});
}

// Refused before any checkpoint after the one asked for is removed.
TEST_F(CliCheckpointTest, MetricsThatWereShortenedMeanwhileAreRefusedAndNothingIsLost) {
  fs::resize_file(path("runs/run/metrics.jsonl"), 10);
  expect_refused(resume(step(2)), ExitCode::checkpoint, {"metrics.jsonl", "has 10 bytes"});
  fs::remove(path("runs/run/metrics.jsonl"));
  write_bytes(path("runs/run/metrics.jsonl"), "");
  expect_refused(resume(), ExitCode::checkpoint, {"metrics.jsonl"});
}

TEST_F(CliCheckpointTest, WeightsOfAnotherModelAreRefusedWithTheOptionsThatDiffer) {
  const Flags other = tiny_synthetic().with(
      {{"run_name", "other"}, {"embed_dim", "8"}, {"num_layers", "2"}, {"gnn_layers", "1"}});
  for (const Flags& flags :
       {other.with({{"init_from", step(6)}}),
        other.with({{"init_from", "runs/run/checkpoints/best"}, {"eval_only", ""}}),
        other.with({{"run_name", "run"}, {"resume_checkpoint", "auto"}, {"eval_only", ""}})}) {
    const ProcessResult result = run(flags);
    expect_failure(
        result, ExitCode::checkpoint,
        {"was trained with other options of the model", "runs/run/config.json' has all of them",
         "\n  embed_dim: 16 in the checkpoint, 8 now", "\n  num_layers: 1 in the checkpoint, 2 now",
         "\n  gnn_layers: 2 in the checkpoint, 1 now"});
    EXPECT_FALSE(contains(result.err, "token_emb")) << result.err;
  }
  // A file by itself has nothing but its tensors.
  fs::copy(path(step(6) + "/model.safetensors"), path("alone.safetensors"));
  const ProcessResult result = run(other.with({{"init_from", "alone.safetensors"}}));
  expect_failure(
      result, ExitCode::checkpoint,
      {"alone.safetensors' does not fit this model",
       "token_emb.weight: shape [64, 16] in the file, [64, 8] in the model", "\nand 70 more"});
  EXPECT_EQ(count_of(result.err, " in the file, "), 10u) << result.err;
}

TEST_F(CliCheckpointTest, WeightsFromADamagedFileAreRefused) {
  const std::string file = step(6) + "/model.safetensors";
  const Flags other = tiny_synthetic().with({{"run_name", "other"}});
  fs::resize_file(path(file), 1000);
  expect_failure(run(other.with({{"init_from", file}})), ExitCode::checkpoint,
                 {"model.safetensors"});
  expect_failure(run(other.with({{"init_from", step(6)}})), ExitCode::checkpoint,
                 {"is damaged", "use step-00000004"});
  expect_failure(run(other.with({{"init_from", "nowhere.safetensors"}})), ExitCode::checkpoint,
                 {"'nowhere.safetensors'", "No such file"});
}

// What a sweep and a cluster's requeued job give at every start.
TEST_F(CliCheckpointTest, WeightsAreForTheFirstStartOfARunThatResumesByItself) {
  // At a constant rate the steps of a shorter run are those of a longer one.
  const Flags plain =
      flags_.with({{"seed", "7"}, {"lr_schedule", "constant"}, {"init_from", step(6)}});
  expect_success(run(plain.with({{"run_name", "whole"}})));
  const Flags again = plain.with({{"run_name", "again"}, {"resume_checkpoint", "auto"}});
  expect_success(run(again.with({{"max_steps", "4"}})));
  fs::rename(path(step(6)), path("moved"));
  const ProcessResult result = run(again);
  expect_success(result);
  EXPECT_EQ(result.err.find("weights of"), std::string::npos) << result.err;
  const auto whole = read_series(path("runs/whole"), "step", "loss");
  const auto resumed = read_series(path("runs/again"), "step", "loss");
  ASSERT_EQ(whole.size(), 6u);
  EXPECT_EQ(whole, resumed);
  expect_success(run(flags_.with({{"seed", "7"}, {"run_name", "fresh"}})));
  EXPECT_NE(whole.at(0), read_series(path("runs/fresh"), "step", "loss").at(0));
}

TEST_F(CliCheckpointTest, APointerToAMissingOneSaysSo) {
  write_bytes(path("runs/run/checkpoints/best"), "step-00009999\n");
  for (const char* option : {"init_from", "resume_checkpoint"}) {
    expect_refused(flags_.without("run_name")
                       .without("checkpoint_dir")
                       .with({{option, "runs/run/checkpoints/best"}, {"eval_only", ""}}),
                   ExitCode::checkpoint,
                   {"runs/run/checkpoints/best' names the checkpoint step-00009999", "is missing",
                    "step-00000006'"});
  }
}

TEST_F(CliCheckpointTest, WeightsOfAnotherParameterisationAreRefused) {
  const Flags hgnn =
      tiny_synthetic().with({{"coupler_type", "HGNN"}, {"num_experts", "3"}, {"max_steps", "1"}});
  expect_success(run(hgnn.with({{"run_name", "positive"}})));
  const Flags from_positive =
      hgnn.with({{"run_name", "raw"},
                 {"hyperedge_weight_param", "raw"},
                 {"init_from", "runs/positive/checkpoints/step-00000001/model.safetensors"}});
  expect_failure(run(from_positive), ExitCode::checkpoint,
                 {"hyperedge_weight_param: positive in the file, raw in force"});
  expect_success(run(from_positive.with({{"hyperedge_weight_param", "positive"}})));
}

// Replacing a run is the last thing that happens before training, so that a mistake costs nothing.
TEST_F(CliCheckpointTest, OverwriteDeletesNothingBeforeTheNewWeightsAreRead) {
  expect_refused(flags_.with({{"overwrite", ""}, {"init_from", "nowhere.safetensors"}}),
                 ExitCode::checkpoint, {"'nowhere.safetensors'"});
  expect_refused(flags_.with({{"overwrite", ""}, {"dump_token_losses", "nowhere/losses.npy"}}),
                 ExitCode::disk, {"'nowhere/losses.npy'"});
  fs::create_directories(path("runs/run/plots"));
  for (const auto& [losses, said] :
       {std::pair{"runs/run/metrics.jsonl", "whose name ends in .npy"},
        std::pair{"runs/run/plots/losses.npy", "a folder of the run run"}}) {
    expect_refused(flags_.with({{"overwrite", ""}, {"dump_token_losses", losses}}), ExitCode::usage,
                   {losses, said});
  }
  // Weights inside the run that would go are refused: a failed start would have lost them.
  expect_refused(flags_.with({{"overwrite", ""}, {"init_from", step(6)}}), ExitCode::usage,
                 {"init_from", "overwrite would remove"});
  expect_success(
      run(flags_.with({{"overwrite", ""}, {"init_from", step(6)}, {"run_name", "another"}})));
}

}  // namespace
}  // namespace hgnn_moe::e2e
