// hgt_embed train with features that are given, and the commands that open such a run.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/hgt_train_fixture.h"

namespace hgnn_moe::e2e {
namespace {

using data::testing::read_bytes;
using data::testing::write_bytes;

class HgtFeaturesTest : public HgtRunTest {
 protected:
  void SetUp() override {
    HgtRunTest::SetUp();
    write_features("f.csv", 1);
  }

  // Three numbers of each entity, drawn by `seed`.
  void write_features(const std::string& name, std::uint64_t seed) const {
    std::string text = "node_id,node_type,emb_0,emb_1,emb_2\n";
    for (int i = 0; i < kEntities; ++i) {
      text += fmt::format("e{},entity", i);
      for (int f = 0; f < 3; ++f) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        text += fmt::format(",{}", static_cast<double>(seed >> 40) / (1 << 24) - 0.5);
      }
      text += "\n";
    }
    write_bytes(path(name), text);
  }

  static Flags given() { return tiny().with({{"node_features", "given"}, {"features", "f.csv"}}); }

  ProcessResult use(const std::string& command, const Flags& flags) const {
    return hgt(command, "runs/run", flags.with({{"threads", "1"}, {"device", "cpu"}}));
  }
};

TEST_F(HgtFeaturesTest, ARunReadsThemAndFindsThemAgain) {
  const ProcessResult result = train(given());
  expect_success(result);
  EXPECT_TRUE(contains(result.err, "features: 3 numbers of each node")) << result.err;
  const Json config = read_json(path("runs/run/config.json"));
  EXPECT_EQ(config.at("graph").at("features").at("path"), path("f.csv").string());
  // 16 numbers of a node are learned otherwise, here a layer of 3 to 16 of the one type.
  expect_success(train(tiny().with({{"run_name", "learned"}})));
  const auto parameters = [&](const std::string& run) {
    return summary("runs/" + run).at("parameters").get<std::int64_t>();
  };
  EXPECT_EQ(parameters("learned") - parameters("run"), 16 * kEntities - (3 * 16 + 16));

  expect_success(use("evaluate", {{"json", "figures.json"}}));
  EXPECT_EQ(read_json(path("figures.json")).at("ranking"), summary().at("results").at("test"));
  expect_success(use("embed", {{"out", "e.safetensors"}}));
  EXPECT_EQ(read_bytes(path("e.safetensors")), read_bytes(path("runs/run/embeddings.safetensors")));
}

TEST_F(HgtFeaturesTest, TheyMayMoveButNotChange) {
  expect_success(train(given()));
  fs::rename(path("f.csv"), path("moved.csv"));
  const ProcessResult gone = use("embed", {{"out", "e.csv"}});
  EXPECT_EQ(gone.exit_code, static_cast<int>(ExitCode::data));
  EXPECT_TRUE(contains(gone.err, "are not there; give --features the path")) << gone.err;
  expect_success(use("embed", {{"out", "e.csv"}, {"features", "moved.csv"}}));
  const Flags question = {{"head", "e3"}, {"relation", "step1"}, {"ignore_verdict", ""}};
  expect_success(use("predict", question.with({{"features", "moved.csv"}})));

  write_features("f.csv", 2);
  const ProcessResult changed = use("evaluate", {});
  EXPECT_EQ(changed.exit_code, static_cast<int>(ExitCode::data));
  EXPECT_TRUE(contains(changed.err, "are not what run 'runs/run' was trained on")) << changed.err;
  const ProcessResult resumed =
      train(given().with({{"resume_checkpoint", "auto"}, {"num_epochs", "24"}}));
  EXPECT_EQ(resumed.exit_code, static_cast<int>(ExitCode::usage)) << resumed.err;
  EXPECT_TRUE(contains(resumed.err, "features (content hash)")) << resumed.err;
  expect_success(train(given().with(
      {{"resume_checkpoint", "auto"}, {"num_epochs", "24"}, {"features", "moved.csv"}})));
}

TEST_F(HgtFeaturesTest, MistakesAreTold) {
  const auto message = [&](const ProcessResult& result, ExitCode code) {
    EXPECT_EQ(result.exit_code, static_cast<int>(code)) << result.err;
    return result.err;
  };
  EXPECT_TRUE(contains(message(train(tiny().with({{"node_features", "given"}})), ExitCode::usage),
                       "node_features is given, which needs features"));
  write_bytes(path("part.csv"), "node_id,node_type,emb_0\ne0,entity,1\n");
  EXPECT_TRUE(contains(message(train(given().with({{"features", "part.csv"}})), ExitCode::data),
                       "have no row of their own for 47 of the graph's 48 nodes: entity:e"));
  EXPECT_FALSE(fs::exists(path("runs/run"))) << "told before a run is begun";
  expect_success(train(tiny()));
  EXPECT_TRUE(contains(message(use("evaluate", {{"features", "f.csv"}}), ExitCode::usage),
                       "was trained without; leave it out"));
}

}  // namespace
}  // namespace hgnn_moe::e2e
