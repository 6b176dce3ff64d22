// Runs that diverge: what they leave, and that what they advise can be done.
#include <regex>

#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

class DivergenceTest : public ProgramTest {
 protected:
  // The first step has no target, so that its checkpoint holds the weights of the start whatever
  // the learning rate.
  DivergenceTest() {
    std::vector<data::testing::Document> documents(4, {7});
    for (const auto& document : make_documents(20, 1)) documents.push_back(document);
    write_dataset(path("text"), documents, make_documents(5, 2));
  }

  static Flags flags() {
    return tiny().with({{"dataset_name", "text"},
                        {"no_shuffle", ""},
                        {"max_steps", "5"},
                        {"lr_schedule", "constant"},
                        {"eval_every", "0"},
                        {"save_every", "1"}});
  }
  // The update by itself overflows.
  static Flags ruined() { return flags().with({{"learning_rate", "1e300"}}); }

  std::vector<std::string> checkpoints() const { return names_in(path("runs/run/checkpoints")); }

  // What the sentence says after --init_from, "" where it does not say it.
  static std::string advised_weights(const std::string& sentence) {
    std::smatch found;
    return std::regex_search(sentence, found, std::regex("--init_from ([^ ,;\n]+)"))
               ? found[1].str()
               : "";
  }

  // Diverges with that in its sentence, which names the checkpoint to start from.
  void expect_advice(const Flags& diverging, const std::string& what, const std::string& weights) {
    fs::remove_all(path("runs"));
    const ProcessResult result = run(diverging);
    expect_failure(result, ExitCode::diverged, {what, "lower learning_rate 1e+", "run_name"});
    ASSERT_EQ(advised_weights(result.err), weights) << result.err;
    const ProcessResult next = run(
        diverging.with({{"run_name", "next"}, {"init_from", weights}, {"learning_rate", "0.001"}}));
    expect_success(next);
    EXPECT_TRUE(contains(next.err, "weights of " + weights)) << next.err;
  }
};

TEST_F(DivergenceTest, AnUpdateThatRuinsTheWeightsCostsNoCheckpoint) {
  const Flags once = ruined().with({{"keep_checkpoints", "1"}});
  const std::vector<std::string> fragments = {"step 2: ", "token_emb.weight", "not finite"};
  expect_failure(run(once), ExitCode::diverged, fragments);
  EXPECT_EQ(checkpoints(), (std::vector<std::string>{"latest", "step-00000001"}));
  EXPECT_EQ(checkpoint_of(path("runs/run")).filename(), "step-00000001");
  EXPECT_EQ(read_json(path("runs/run/run_summary.json")).at("status"), "diverged");
  EXPECT_TRUE(contains(data::testing::read_bytes(path("runs/run/train.log")), "token_emb.weight"));
  // What is left is one to go on from, to the same end.
  expect_failure(run(once.with({{"resume_checkpoint", "auto"}})), ExitCode::diverged, fragments);
  EXPECT_EQ(checkpoints(), (std::vector<std::string>{"latest", "step-00000001"}));
}

// A folder in the summary's place stands for a disk that does not take it.
TEST_F(DivergenceTest, ASummaryThatCannotBeWrittenDoesNotHideIt) {
  fs::create_directories(path("runs/run/run_summary.json/in_the_way"));
  const ProcessResult result = run(ruined().with({{"resume_checkpoint", "auto"}}));
  expect_failure(result, ExitCode::diverged, {"step 2: ", "not finite"});
  EXPECT_TRUE(contains(result.err, "run_summary.json is not written: ")) << result.err;
}

TEST_F(DivergenceTest, ItsAdviceCanBeFollowed) {
  const std::string first = "runs/run/checkpoints/step-00000001";
  expect_advice(ruined(), "step 2: token_emb.weight", first);
  expect_advice(ruined().with({{"eval_every", "1"}}), "step 2: the evaluation loss is", first);
  // Weights that are finite and of no use: their checkpoint is no advice.
  const Flags huge = flags().with({{"learning_rate", "1e25"}, {"grad_clip", "0"}});
  expect_advice(huge, "step 3: the loss is", first);
}

TEST_F(DivergenceTest, WithoutACheckpointToStartFromTheRateIsAllItAdvises) {
  const ProcessResult result = run(ruined().with({{"save_every", "0"}}));
  expect_failure(result, ExitCode::diverged,
                 {"step 3: the loss is", "lower learning_rate 1e+300", "--overwrite"});
  EXPECT_EQ(advised_weights(result.err), "") << result.err;
  expect_success(run(flags().with({{"overwrite", ""}, {"learning_rate", "0.001"}})));
}

}  // namespace
}  // namespace hgnn_moe::e2e
