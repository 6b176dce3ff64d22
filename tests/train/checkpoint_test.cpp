#include "hgnn_moe/train/checkpoint.h"

#include <cmath>

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "tests/train/train_support.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/safetensors.h"
#include "hgnn_moe/train/checkpoint_folder.h"
#include "hgnn_moe/train/tensor_file.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;

const WeightNotes kPositive = {{"hyperedge_weight_param", "positive"}};
const WeightNotes kRaw = {{"hyperedge_weight_param", "raw"}};
const Json kNoOptions = Json::object();  // of the model in use: nothing to compare with

// A small model with its optimizer, trained with made-up gradients.
struct Model {
  explicit Model(double phase = 0)
      : parameters(make_parameters(phase)), optimizer(parameters, AdamWOptions{}) {}

  void train(std::int64_t steps) {
    for (std::int64_t i = 0; i < steps; ++i) {
      ++step;
      set_gradients(parameters, 0.1 * static_cast<double>(step));
      optimizer.step(1e-2);
    }
  }

  ParameterList everything() const {
    ParameterList all = parameters;
    for (const NamedParameter& entry : optimizer.state()) {
      all.push_back(entry);
    }
    return all;
  }

  ParameterList parameters;
  AdamW optimizer;
  std::int64_t step = 0;
};

TrainingState state_at(std::int64_t step) {
  TrainingState state;
  state.step = step;
  state.tokens = 100 * step;
  state.fingerprint = {{"embed_dim", 4}};
  return state;
}

fs::path save_at(const fs::path& run, Model& model, std::int64_t step) {
  model.train(step - model.step);
  return save_checkpoint(run, checkpoint_tensors(model.optimizer), state_at(step), kPositive);
}

void flip_byte(const fs::path& path, std::size_t index) {
  std::string content = read_text_file(path, ExitCode::internal);
  content[index] = static_cast<char>(content[index] ^ 0x10);
  put_file(path, content);
}

TEST(Checkpoint, ReturnsParametersMomentsAndState) {
  const TemporaryFolder run;
  Model model;
  const fs::path saved = save_at(run.path(), model, 20);
  EXPECT_EQ(saved, run / "checkpoints" / "step-00000020");
  EXPECT_EQ(names_in(saved), (std::vector<std::string>{kModelFile, kOptimizerFile, kStateFile}));

  Model restored(5);
  const TrainingState state = load_checkpoint(saved, checkpoint_tensors(restored.optimizer));
  EXPECT_EQ(state.step, 20);
  EXPECT_EQ(state.tokens, 2000);
  EXPECT_EQ(state.fingerprint, state_at(20).fingerprint);
  expect_same_values(restored.everything(), model.everything());
}

TEST(Checkpoint, TrainingGoesOnToTheBit) {
  const TemporaryFolder run;
  Model straight;
  straight.train(30);
  Model first;
  const fs::path saved = save_at(run.path(), first, 17);
  Model second(5);
  second.step = load_checkpoint(saved, checkpoint_tensors(second.optimizer)).step;
  second.train(13);
  expect_same_values(second.everything(), straight.everything());
}

TEST(Checkpoint, TensorFilesAreByteEqualWhateverTheRunIsCalled) {
  const TemporaryFolder run_a, run_b;
  Model a, b;
  TrainingState slow = state_at(20);
  slow.seconds = 1e6;
  a.train(20);
  b.train(20);
  const fs::path saved_a =
      save_checkpoint(run_a.path(), checkpoint_tensors(a.optimizer), state_at(20), kPositive);
  const fs::path saved_b =
      save_checkpoint(run_b.path(), checkpoint_tensors(b.optimizer), slow, kPositive);
  for (const char* name : {kModelFile, kOptimizerFile}) {
    EXPECT_EQ(read_text_file(saved_a / name, ExitCode::internal),
              read_text_file(saved_b / name, ExitCode::internal));
  }
}

TEST(Checkpoint, ModelMetadataAreTheNotesAndTheFormat) {
  const TemporaryFolder run;
  Model model;
  const SafetensorsFile file(save_at(run.path(), model, 1) / kModelFile, ExitCode::internal);
  EXPECT_EQ(file.metadata(),
            (WeightNotes{{"format", "pt"}, {"hyperedge_weight_param", "positive"}}));
}

TEST(Checkpoint, LatestFollowsEverySaveAndBestTheBest) {
  const TemporaryFolder run;
  Model model;
  TrainingState state = state_at(20);
  state.best_eval_loss = 3.5;
  state.best_step = 20;
  save_checkpoint(run.path(), checkpoint_tensors(model.optimizer), state, kPositive);
  state.step = 40;
  save_checkpoint(run.path(), checkpoint_tensors(model.optimizer), state, kPositive);
  EXPECT_EQ(read_pointer(run.path(), CheckpointPointer::latest)->step, 40);
  EXPECT_EQ(read_pointer(run.path(), CheckpointPointer::best)->step, 20);
}

TEST(Checkpoint, SavingTheSameStepAgainReplacesIt) {
  const TemporaryFolder run;
  Model model;
  save_at(run.path(), model, 20);
  TrainingState state = state_at(20);
  state.best_eval_loss = 2;
  state.best_step = 20;
  const fs::path saved =
      save_checkpoint(run.path(), checkpoint_tensors(model.optimizer), state, kPositive);
  EXPECT_EQ(verify_checkpoint(saved).best_eval_loss, 2);
  EXPECT_EQ(list_checkpoints(run.path()).size(), 1u);
}

TEST(Checkpoint, AFlippedByteAnywhereIsFoundAndTheEarlierCheckpointNamed) {
  const TemporaryFolder run;
  Model model;
  save_at(run.path(), model, 20);
  const fs::path saved = save_at(run.path(), model, 40);
  for (const char* name : {kModelFile, kOptimizerFile, kStateFile}) {
    const std::string good = read_text_file(saved / name, ExitCode::internal);
    for (std::size_t i = 0; i < good.size(); i += 97) {
      flip_byte(saved / name, i);
      const std::string message =
          message_of_error(ExitCode::checkpoint, [&] { verify_checkpoint(saved); });
      EXPECT_TRUE(contains(message, name)) << message;
      EXPECT_TRUE(contains(message, "use step-00000020")) << message;
      put_file(saved / name, good);
    }
  }
  EXPECT_EQ(verify_checkpoint(saved).step, 40);
}

TEST(Checkpoint, ATruncatedOrMissingFileIsFound) {
  const TemporaryFolder run;
  Model model;
  save_at(run.path(), model, 20);
  const fs::path saved = save_at(run.path(), model, 40);
  for (const char* name : {kModelFile, kOptimizerFile, kStateFile}) {
    const std::string good = read_text_file(saved / name, ExitCode::internal);
    for (const std::size_t length : {std::size_t{0}, std::size_t{7}, good.size() - 1}) {
      put_file(saved / name, good.substr(0, length));
      const std::string message =
          message_of_error(ExitCode::checkpoint, [&] { verify_checkpoint(saved); });
      EXPECT_TRUE(contains(message, name)) << message;
    }
    fs::remove(saved / name);
    message_of_error(ExitCode::checkpoint, [&] { verify_checkpoint(saved); });
    put_file(saved / name, good);
  }
}

TEST(Checkpoint, ADamagedOneChangesNothingInMemory) {
  const TemporaryFolder run;
  Model model;
  const fs::path saved = save_at(run.path(), model, 20);
  flip_byte(saved / kOptimizerFile, 200);
  Model other(5), untouched(5);
  const std::string message = message_of_error(
      ExitCode::checkpoint, [&] { load_checkpoint(saved, checkpoint_tensors(other.optimizer)); });
  EXPECT_TRUE(contains(message, "no earlier checkpoint")) << message;
  expect_same_values(other.everything(), untouched.everything());
}

TEST(Checkpoint, AdviceSkipsDamagedAndLaterCheckpoints) {
  const TemporaryFolder run;
  Model model;
  for (const std::int64_t step : {10, 20, 30, 40}) {
    save_at(run.path(), model, step);
  }
  flip_byte(run / "checkpoints" / "step-00000020" / kStateFile, 50);
  const fs::path damaged = run / "checkpoints" / "step-00000030/";  // as a shell completes it
  flip_byte(damaged / kModelFile, 300);
  const std::string message =
      message_of_error(ExitCode::checkpoint, [&] { verify_checkpoint(damaged); });
  EXPECT_TRUE(contains(message, "use step-00000010")) << message;
}

TEST(Checkpoint, TheNewestIntactOneIsFoundAndDamageIsReported) {
  const TemporaryFolder run;
  EXPECT_FALSE(find_newest_valid(run.path()).checkpoint.has_value());
  Model model;
  for (const std::int64_t step : {10, 20, 30}) {
    save_at(run.path(), model, step);
  }
  EXPECT_EQ(find_newest_valid(run.path()).checkpoint->folder.filename(), "step-00000030");
  flip_byte(run / "checkpoints" / "step-00000030" / kModelFile, 300);
  const CheckpointSearch search = find_newest_valid(run.path());
  EXPECT_EQ(search.checkpoint->folder.filename(), "step-00000020");
  ASSERT_EQ(search.damaged.size(), 1u);
  EXPECT_TRUE(contains(search.damaged[0], "step-00000030")) << search.damaged[0];
}

// What a process killed at each point of save_checkpoint leaves behind.
TEST(Checkpoint, AKillWhileSavingLeavesThePreviousOne) {
  const TemporaryFolder run;
  Model model;
  const fs::path previous = save_at(run.path(), model, 20);
  const fs::path folder = run / "checkpoints";
  const fs::path half = folder / ".tmp-step-00000040";
  fs::create_directories(half);
  EXPECT_EQ(find_newest_valid(run.path()).checkpoint->folder, previous);
  put_file(half / "model.safetensors.321.tmp", "half a file");
  EXPECT_EQ(find_newest_valid(run.path()).checkpoint->folder, previous);
  for (const char* name : {kModelFile, kOptimizerFile, kStateFile}) {
    fs::copy_file(previous / name, half / name);
  }
  EXPECT_EQ(find_newest_valid(run.path()).checkpoint->folder, previous)
      << "complete but not published";
  put_file(folder / "latest.321.tmp", "step-");
  EXPECT_EQ(read_pointer(run.path(), CheckpointPointer::latest)->step, 20);

  const fs::path next = save_at(run.path(), model, 40);
  EXPECT_EQ(find_newest_valid(run.path()).checkpoint->folder, next);
  EXPECT_EQ(names_in(folder),
            (std::vector<std::string>{"latest", "step-00000020", "step-00000040"}));
}

TEST(Checkpoint, AFullDiskLeavesTheOldOnesAndNothingElse) {
  const TemporaryFolder run;
  Model model;
  const fs::path previous = save_at(run.path(), model, 20);
  const auto model_size = fs::file_size(previous / kModelFile);
  const auto optimizer_size = fs::file_size(previous / kOptimizerFile);
  ASSERT_LT(model_size, optimizer_size);
  model.train(1);
  // Room for nothing, for a part of the first file, and for the first file but not the second.
  for (const auto bytes : {std::uintmax_t{0}, model_size / 2, (model_size + optimizer_size) / 2}) {
    const FileSizeLimit limit(bytes);
    message_of_error(ExitCode::disk, [&] {
      save_checkpoint(run.path(), checkpoint_tensors(model.optimizer), state_at(21), kPositive);
    });
    EXPECT_EQ(names_in(run / "checkpoints"), (std::vector<std::string>{"latest", "step-00000020"}));
    EXPECT_EQ(find_newest_valid(run.path()).checkpoint->folder, previous);
  }
  EXPECT_EQ(verify_checkpoint(save_checkpoint(run.path(), checkpoint_tensors(model.optimizer),
                                              state_at(21), kPositive))
                .step,
            21);
}

TEST(Checkpoint, AnotherShapeListsEveryMismatch) {
  const TemporaryFolder run;
  Model model;
  const fs::path saved = save_at(run.path(), model, 20);
  const ParameterList other = {{"token_emb.weight", make_leaf({11, 8}, 0)},
                               {"model_layers.0.coupler.hyperedge_weights", make_leaf({6}, 0)},
                               {"output_norm.weight", make_leaf({8}, 0)}};
  AdamW optimizer(other, {});
  const at::Tensor before = other[0].tensor.detach().clone();
  const std::string message = message_of_error(
      ExitCode::checkpoint, [&] { load_checkpoint(saved, checkpoint_tensors(optimizer)); });
  EXPECT_TRUE(contains(message, "token_emb.weight: shape [11, 4] in the file, [11, 8]")) << message;
  EXPECT_TRUE(contains(message, "hyperedge_weights: shape [3] in the file, [6]")) << message;
  EXPECT_TRUE(contains(message, "output_norm.weight: missing")) << message;
  EXPECT_TRUE(contains(message, "lm_head.bias: unknown")) << message;
  EXPECT_TRUE(same_bytes(other[0].tensor, before));
}

TEST(Checkpoint, AFolderThatIsNotThereIsSaid) {
  const TemporaryFolder run;
  Model model;
  save_at(run.path(), model, 20);
  const std::string message = message_of_error(
      ExitCode::checkpoint, [&] { verify_checkpoint(run / "checkpoints" / "step-00000099"); });
  EXPECT_TRUE(contains(message, "step-00000099")) << message;
  EXPECT_TRUE(contains(message, "use step-00000020")) << message;
}

TEST(LoadWeights, ReadsACheckpointOrItsFileAndNotTheMoments) {
  const TemporaryFolder run;
  Model model;
  const fs::path saved = save_at(run.path(), model, 20);
  for (const fs::path& path : {saved, saved / kModelFile, saved.parent_path() / "latest"}) {
    const ParameterList parameters = make_parameters(5);
    load_weights(path, parameters, kPositive, kNoOptions);
    expect_same_values(parameters, model.parameters);
  }
}

TEST(LoadWeights, RefusesAnotherParameterisation) {
  const TemporaryFolder run;
  Model model;
  const fs::path saved = save_at(run.path(), model, 20);
  const ParameterList parameters = make_parameters(5);
  const std::string message = message_of_error(
      ExitCode::checkpoint, [&] { load_weights(saved, parameters, kRaw, kNoOptions); });
  EXPECT_TRUE(contains(message, "--hyperedge_weight_param positive")) << message;
  expect_same_values(parameters, make_parameters(5));
}

TEST(LoadWeights, AFileWithoutNoteCountsAsRaw) {
  const TemporaryFolder folder;
  const ParameterList source = make_parameters();
  std::vector<TensorToWrite> tensors;
  for (const NamedParameter& parameter : source) {
    tensors.push_back({parameter.name, ScalarType::f32, parameter.tensor.sizes().vec(),
                       parameter.tensor.const_data_ptr()});
  }
  write_safetensors(folder / "a.safetensors", tensors, {});
  const ParameterList parameters = make_parameters(5);
  const std::string message = message_of_error(ExitCode::checkpoint, [&] {
    load_weights(folder / "a.safetensors", parameters, kPositive, kNoOptions);
  });
  EXPECT_TRUE(contains(message, "--hyperedge_weight_param raw")) << message;
  load_weights(folder / "a.safetensors", parameters, kRaw, kNoOptions);
  expect_same_values(parameters, source);
}

// Each tensor would say the same.
TEST(LoadWeights, OfAnotherModelNamesTheOptionsAndNotTheTensors) {
  const TemporaryFolder run;
  Model model;
  const fs::path saved = save_at(run.path(), model, 20);
  const ParameterList other = {{"token_emb.weight", make_leaf({11, 8}, 0)}};
  const auto message = [&](const fs::path& source, const Json& options) {
    return message_of_error(ExitCode::checkpoint,
                            [&] { load_weights(source, other, kPositive, options); });
  };
  const Json options = {{"embed_dim", 8}, {"num_layers", 1}};
  for (const fs::path& source : {saved, saved / kModelFile}) {
    const std::string text = message(source, options);
    EXPECT_TRUE(contains(text, "was trained with other options of the model")) << text;
    EXPECT_TRUE(contains(text, "\n  embed_dim: 4 in the checkpoint, 8 now")) << text;
    EXPECT_FALSE(contains(text, "token_emb.weight")) << text;
    EXPECT_FALSE(contains(text, "config.json")) << text;
  }
  put_file(run / "config.json", "{}");
  EXPECT_TRUE(contains(message(saved, options), (run / "config.json").string()));
  // A file that is alone, or the same options: the tensors are all there is to say.
  fs::copy(saved / kModelFile, run / "alone.safetensors");
  EXPECT_TRUE(contains(message(run / "alone.safetensors", options), "token_emb.weight: shape"));
  EXPECT_TRUE(contains(message(saved, {{"embed_dim", 4}}), "token_emb.weight: shape"));
}

TEST(LoadWeights, ListsNoMoreThanTenTensors) {
  const TemporaryFolder run;
  Model model;
  const fs::path saved = save_at(run.path(), model, 20);
  ParameterList many;
  for (int i = 0; i < 30; ++i) many.push_back({"extra." + std::to_string(i), make_leaf({2}, 0)});
  const std::string text = message_of_error(
      ExitCode::checkpoint, [&] { load_weights(saved, many, kPositive, kNoOptions); });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 11) << text;
  const std::size_t more = 30 + model.parameters.size() - 10;
  EXPECT_TRUE(contains(text, "\nand " + std::to_string(more) + " more")) << text;
}

TEST(Checkpoint, WeightsThatAreNotFiniteAreNotSavedAndTheFirstIsNamed) {
  const TemporaryFolder run;
  Model model;
  save_at(run.path(), model, 20);
  {
    const c10::NoGradGuard no_grad;
    for (const std::size_t i : {2, 1}) model.parameters[i].tensor.mul_(HUGE_VAL);
  }
  const std::string message =
      message_of_error(ExitCode::diverged, [&] { save_at(run.path(), model, 20); });
  EXPECT_TRUE(contains(message, "step 20: model_layers.0.coupler.hyperedge_weights")) << message;
  // The one of that step before is still there.
  EXPECT_EQ(verify_checkpoint(run / "checkpoints" / "step-00000020").step, 20);
  EXPECT_EQ(names_in(run / "checkpoints"), (std::vector<std::string>{"latest", "step-00000020"}));
}

TEST(LoadWeights, RefusesValuesThatAreNotFinite) {
  const TemporaryFolder folder;
  const ParameterList source = make_parameters();
  {
    const c10::NoGradGuard no_grad;
    source[1].tensor.mul_(HUGE_VAL);
  }
  save_tensors(folder / "a.safetensors", source, kPositive);
  const std::string message = message_of_error(ExitCode::checkpoint, [&] {
    load_weights(folder / "a.safetensors", make_parameters(5), kPositive, kNoOptions);
  });
  EXPECT_TRUE(contains(message, "model_layers.0.coupler.hyperedge_weights")) << message;
}

TEST(LoadWeights, ABrokenOrMissingFileIsACheckpointError) {
  const TemporaryFolder folder;
  put_file(folder / "a", "not a tensor file");
  for (const char* name : {"a", "missing"}) {
    const std::string message = message_of_error(ExitCode::checkpoint, [&] {
      load_weights(folder / name, make_parameters(), kPositive, kNoOptions);
    });
    EXPECT_TRUE(contains(message, (folder / name).string())) << message;
  }
}

TEST(LoadWeights, ADamagedCheckpointIsRefused) {
  const TemporaryFolder run;
  Model model;
  const fs::path saved = save_at(run.path(), model, 20);
  const auto size = fs::file_size(saved / kModelFile);
  flip_byte(saved / kModelFile, size - 1);  // a value: only the checksum can tell
  const ParameterList parameters = make_parameters(5);
  message_of_error(ExitCode::checkpoint,
                   [&] { load_weights(saved, parameters, kPositive, kNoOptions); });
  expect_same_values(parameters, make_parameters(5));
}

}  // namespace
}  // namespace hgnn_moe
