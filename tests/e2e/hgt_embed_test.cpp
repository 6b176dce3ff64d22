// hgt_embed embed: files of embeddings and of pairs from a finished run.
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/hgt_train_fixture.h"

namespace hgnn_moe::e2e {
namespace {

using data::testing::read_bytes;
using data::testing::write_bytes;

class HgtEmbedTest : public HgtRunTest {
 protected:
  void SetUp() override {
    HgtRunTest::SetUp();
    expect_success(train(tiny()));
  }

  ProcessResult embed(const Flags& flags, const std::string& run = "runs/run") const {
    return hgt("embed", run, flags.with({{"threads", "1"}, {"device", "cpu"}}));
  }

  // What validate says of a file, without its name.
  Json report_on(const std::string& file) const {
    const ProcessResult result =
        hgt("validate", file, {{"json", "report.json"}, {"threads", "1"}, {"seed", "1"}});
    EXPECT_TRUE(result.exit_code == 0 || result.exit_code == 8) << result.err;
    Json report = read_json(path("report.json"));
    report.erase("embeddings");
    report["exit code"] = result.exit_code;
    return report;
  }

  void expect_mistake(const Flags& flags, ExitCode code, const std::string& message,
                      const std::string& run = "runs/run") const {
    const ProcessResult result = embed(flags, run);
    EXPECT_EQ(result.exit_code, static_cast<int>(code)) << result.err;
    EXPECT_TRUE(contains(result.err, message)) << result.err;
  }

  std::vector<std::string> lines(const std::string& file) const {
    std::vector<std::string> lines;
    const std::string text = read_bytes(path(file));
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = text.find('\n', begin);
      lines.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return lines;
  }
};

TEST_F(HgtEmbedTest, EveryFormatHoldsTheEmbeddingsOfTheRun) {
  const Json of_run = report_on("runs/run/embeddings.safetensors");
  for (const std::string file : {"e.safetensors", "e.npy", "e.csv"}) {
    SCOPED_TRACE(file);
    const ProcessResult result = embed({{"out", file}});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_TRUE(contains(result.err, file + ": 48 nodes of 1 types with 16 numbers each; verdict"))
        << result.err;
    EXPECT_EQ(report_on(file), of_run);
  }
  EXPECT_EQ(read_bytes(path("e.safetensors")), read_bytes(path("runs/run/embeddings.safetensors")));
  EXPECT_TRUE(fs::exists(path("e_ids.tsv")));
  EXPECT_EQ(lines("e.csv").at(0).rfind("node_id,node_name,node_type,emb_0,emb_1,", 0), 0u);
}

TEST_F(HgtEmbedTest, AFileIsReplacedWhole) {
  write_bytes(path("e.csv"), "old");
  EXPECT_EQ(embed({{"out", "e.csv"}}).exit_code, 0);
  EXPECT_EQ(lines("e.csv").size(), 49u);
  EXPECT_EQ(names_in(folder()), (std::vector<std::string>{"circle", "e.csv", "runs"}));
}

TEST_F(HgtEmbedTest, MistakesAreToldBeforeTheWork) {
  expect_mistake({{"out", "e.bin"}}, ExitCode::usage,
                 "--out is \"e.bin\"; give the path of a .safetensors, .npy or .csv file");
  expect_mistake({}, ExitCode::usage, "out is not given");
  expect_mistake({{"out", "e.npy"}, {"node_type", "entty"}}, ExitCode::usage,
                 "did you mean entity?");
  expect_mistake({{"out", "e.npy"}, {"pairs", "p.csv"}}, ExitCode::usage,
                 "pairs is given and relation is not");
  expect_mistake({{"out", "e.npy"}, {"pairs", "p.csv"}, {"relation", "stepp1"}}, ExitCode::usage,
                 "did you mean step1?");
  expect_mistake({{"out", "e.csv"}, {"pairs", "e.csv"}, {"relation", "step1"}}, ExitCode::usage,
                 "give two files");
  expect_mistake({{"out", "nowhere/e.npy"}}, ExitCode::disk, "nowhere/e.npy");
  expect_mistake({{"out", "e.npy"}, {"pairs", "nowhere/p.csv"}, {"relation", "step1"}},
                 ExitCode::disk, "nowhere/p.csv");
  EXPECT_EQ(embed({{"out", "e.npy"}}, "runs/none").exit_code, static_cast<int>(ExitCode::usage));
  EXPECT_EQ(names_in(folder()), (std::vector<std::string>{"circle", "runs"}));
}

TEST_F(HgtEmbedTest, AFullDiskLeavesWhatWasThere) {
  write_bytes(path("e.npy"), "old");
  ProcessOptions limited = options();
  limited.file_size_limit = 1024;
  const ProcessResult result = run_process(
      command("embed", "runs/run", {{"out", "e.npy"}, {"threads", "1"}, {"device", "cpu"}}),
      limited);
  EXPECT_EQ(result.exit_code, static_cast<int>(ExitCode::disk)) << result.err;
  EXPECT_EQ(read_bytes(path("e.npy")), "old");
  EXPECT_EQ(names_in(folder()), (std::vector<std::string>{"circle", "e.npy", "runs"}));
}

TEST_F(HgtEmbedTest, PairsHoldTheSplitOfTheRun) {
  const Flags flags = {{"out", "e.csv"}, {"pairs", "pairs.csv"}, {"relation", "step5"}};
  const ProcessResult result =
      embed(flags.with({{"negatives", "2"}, {"negative_kind", "uniform"}}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(
      contains(result.err, "pairs.csv: 48 facts of (entity, step5, entity) and 96 negatives"))
      << result.err;
  const std::vector<std::string> rows = lines("pairs.csv");
  ASSERT_EQ(rows.size(), 1u + 48 + 96);
  EXPECT_EQ(rows[0], "head_id,head_type,tail_id,tail_type,label,part,kind");
  std::set<std::string> found(rows.begin(), rows.end());
  for (const std::string part : {"train", "valid", "test"}) {
    for (const std::string& line : lines("circle/" + part + ".txt")) {
      const std::size_t tab = line.find('\t'), next = line.rfind('\t');
      if (line.substr(tab + 1, next - tab - 1) != "step5") continue;
      const std::string row =
          line.substr(0, tab) + ",entity," + line.substr(next + 1) + ",entity,1," + part + ",fact";
      EXPECT_EQ(found.count(row), 1u) << row;
    }
  }
  const std::string before = read_bytes(path("pairs.csv"));
  expect_success(embed(flags));
  EXPECT_EQ(lines("pairs.csv").size(), 1u + 48 + 48);
  EXPECT_TRUE(contains(read_bytes(path("pairs.csv")), ",0,test,degree_matched\n"));
  expect_success(embed(flags.with({{"negatives", "2"}, {"negative_kind", "uniform"}})));
  EXPECT_EQ(read_bytes(path("pairs.csv")), before);
  expect_success(embed(
      flags.with({{"negatives", "2"}, {"negative_kind", "uniform"}, {"negatives_seed", "1"}})));
  EXPECT_NE(read_bytes(path("pairs.csv")), before);
}

// Drugs and diseases whose names need quotes; those of one source have ids of another.
TEST_F(HgtEmbedTest, TypesAndNamesOfAnyKindAreWritten) {
  std::string rows =
      "relation,display_relation,x_index,x_id,x_type,x_name,x_source,"
      "y_index,y_id,y_type,y_name,y_source\n";
  for (int i = 0; i < 24; ++i) {
    rows += fmt::format(
        "indication,treats,{0},{0},drug,\"a \"\"{0}\"\", b\",D,{1},{2},disease,\"line\n{1}\",{3}\n",
        i % 12, 12 + i / 2, i / 4, i % 4 < 2 ? "M" : "N");
  }
  write_bytes(path("kg.csv"), rows);
  expect_success(train(tiny().with({{"run_name", "kg"}, {"num_epochs", "2"}}), "kg.csv"));
  const ProcessResult result = embed({{"out", "e.csv"}, {"node_type", "disease"}}, "runs/kg");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.err, "e.csv: 12 nodes of 1 types")) << result.err;
  EXPECT_TRUE(contains(result.err, "12 nodes are called SOURCE:ID")) << result.err;
  const std::string text = read_bytes(path("e.csv"));
  EXPECT_TRUE(contains(text, "\nM:0,\"line\n12\",disease,")) << text;
  EXPECT_TRUE(contains(text, "\nN:0,\"line\n13\",disease,")) << text;
  EXPECT_FALSE(contains(text, "drug"));
  expect_success(embed({{"out", "all.csv"}}, "runs/kg"));
  EXPECT_TRUE(contains(read_bytes(path("all.csv")), "\n3,\"a \"\"3\"\", b\",drug,"));
  const Json report = report_on("all.csv");
  EXPECT_EQ(report.at("nodes"), 24);
  EXPECT_EQ(report, report_on("runs/kg/embeddings.safetensors"));
  expect_mistake({{"out", "e.npy"}}, ExitCode::data, "which has a tab or a line break", "runs/kg");
}

TEST_F(HgtEmbedTest, OptionsWithoutEffectAreNoted) {
  const ProcessResult result = embed({{"out", "e.csv"}, {"negatives", "3"}});
  EXPECT_TRUE(contains(result.err, "negatives has no effect without pairs")) << result.err;
}

}  // namespace
}  // namespace hgnn_moe::e2e
