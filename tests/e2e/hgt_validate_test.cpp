// hgt_embed validate as users run it: exit codes, table, report and messages.
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/program_fixture.h"

#include "hgnn_moe/base/npy.h"

namespace hgnn_moe::e2e {
namespace {

using data::testing::read_bytes;
using data::testing::write_bytes;

class HgtValidateTest : public ProgramTest {
 protected:
  ProcessResult validate(std::vector<std::string> arguments, ProcessOptions options = {}) const {
    arguments.insert(arguments.begin(), {HGNN_MOE_BIN_DIR "/hgt_embed", "validate"});
    return hgt(std::move(arguments), std::move(options));
  }

  ProcessResult hgt(std::vector<std::string> command, ProcessOptions options = {}) const {
    options.folder = folder();
    options.environment.emplace("OMP_NUM_THREADS", "1");
    return run_process(command, options);
  }

  // Two types with `nodes` nodes each: independent numbers, times `scale` for the second type.
  std::string csv(int nodes, double scale) const {
    std::string text = "node_id,node_name,node_type,emb_0,emb_1,emb_2,emb_3,emb_4,emb_5\n";
    std::uint64_t state = 1;
    for (int node = 0; node < 2 * nodes; ++node) {
      text += fmt::format("n{0},\"name, of {0}\",{1}", node, node < nodes ? "drug" : "gene");
      for (int f = 0; f < 6; ++f) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const double value = static_cast<double>(state >> 40) / (1 << 24) - 0.5;
        text += fmt::format(",{}", node < nodes ? value : 1.0 + scale * value);
      }
      text += "\n";
    }
    write_bytes(path("e.csv"), text);
    return "e.csv";
  }

  // It ended with `code` and this message alone.
  static void expect_message(const ProcessResult& result, int code, const std::string& message) {
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_TRUE(contains(result.err, "hgt_embed: ")) << result.err;
    EXPECT_TRUE(contains(result.err, message)) << result.err;
  }
};

TEST_F(HgtValidateTest, ExitCodesTellTheVerdict) {
  const ProcessResult good = validate({csv(40, 3.0)});
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
  EXPECT_TRUE(contains(good.out, "verdict: good")) << good.out;
  const ProcessResult warning = validate({csv(40, 0.7)});
  EXPECT_EQ(warning.exit_code, 8) << warning.out;
  EXPECT_TRUE(contains(warning.out, "verdict: warning")) << warning.out;
  EXPECT_TRUE(contains(warning.out, "warning: gene: mean cosine 0.9")) << warning.out;
  const ProcessResult collapsed = validate({csv(40, 0.0)});
  EXPECT_EQ(collapsed.exit_code, 9) << collapsed.out;
  EXPECT_TRUE(contains(collapsed.out, "verdict: collapsed")) << collapsed.out;
  EXPECT_TRUE(contains(collapsed.out, "collapsed: gene: effective rank 0 of 6")) << collapsed.out;
}

TEST_F(HgtValidateTest, TheTableHasThresholdsAndTheOriginalsCriteria) {
  const ProcessResult result = validate({csv(40, 3.0)});
  EXPECT_EQ(result.err, "");
  for (const char* part :
       {"e.csv: 80 nodes of 2 types with 6 numbers each", "  drug\n", "  gene\n", "  all\n",
        "thresholds", "the original's criteria", "mean cosine of all pairs below 0.7: ",
        "more than 10 components for 90 % of the variance: no", "alignment: not computed",
        "uniformity"}) {
    EXPECT_TRUE(contains(result.out, part)) << part << "\n" << result.out;
  }
}

TEST_F(HgtValidateTest, TheReportIsJson) {
  EXPECT_EQ(validate({csv(700, 3.0), "--json", "report.json", "--seed", "9"}).exit_code, 0);
  const Json report = read_json(path("report.json"));
  EXPECT_EQ(report.at("verdict"), "good");
  EXPECT_EQ(report.at("embeddings"), "e.csv");
  EXPECT_EQ(report.at("seed"), 9);
  EXPECT_TRUE(report.at("alignment").is_null());
  ASSERT_EQ(report.at("types").size(), 2u);
  const Json& gene = report.at("types").at(1);
  EXPECT_EQ(gene.at("name"), "gene");
  EXPECT_EQ(gene.at("nodes"), 700);
  EXPECT_EQ(gene.at("distinct"), 700);
  EXPECT_EQ(gene.at("spectrum").at("variances").size(), 6u);
  EXPECT_EQ(gene.at("points").at("x").size(), 500u);
  EXPECT_EQ(gene.at("points").at("y").size(), 500u);
  EXPECT_EQ(gene.at("verdict").at("grade"), "good");
  // The same to the byte the next time, other points with another seed.
  const std::string first = read_bytes(path("report.json"));
  validate({"e.csv", "--json", "report.json", "--seed", "9"});
  EXPECT_EQ(read_bytes(path("report.json")), first);
  validate({"e.csv", "--json", "report.json", "--seed", "10"});
  EXPECT_NE(read_json(path("report.json")).at("types").at(1).at("points"), gene.at("points"));
}

TEST_F(HgtValidateTest, EdgesOfAGraphGiveTheAlignment) {
  write_bytes(path("e.csv"), "node_id,emb_0,emb_1\na,1,0\nb,0,2\nc,-3,0\nd,1,1\n");
  fs::create_directories(path("graph"));
  write_bytes(path("graph/train.txt"), "a\tr\tb\nb\tr\tc\n");
  write_bytes(path("graph/test.txt"), "a\tr\tc\na\tr\tz\n");
  const ProcessResult result = validate({"e.csv", "--graph", "graph", "--json", "r.json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(contains(result.err, "no types of nodes")) << result.err;
  EXPECT_TRUE(contains(result.out, "alignment: 2.6667 over 3 edges (1 left out)")) << result.out;
  EXPECT_EQ(read_json(path("r.json")).at("alignment").at("pairs"), 3);
}

TEST_F(HgtValidateTest, SmallTypesAreSaid) {
  const ProcessResult result = validate({csv(3, 0.0)});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_TRUE(contains(result.out, "too few")) << result.out;
  EXPECT_TRUE(
      contains(result.out, "types with fewer than 6 rows, too few to judge: 2 with 6 nodes"))
      << result.out;
}

TEST_F(HgtValidateTest, ArraysAreReadWithTheirIds) {
  const std::vector<float> values = {1, 0, 0, 1, -1, 0, NAN, 1};
  write_npy_f32(path("e.npy"), 4, 2, values.data());
  write_bytes(path("e_ids.tsv"), "node_id\tnode_type\n1\ta\n2\ta\n3\ta\n4\tb\n");
  const ProcessResult result = validate({"e.npy"});
  EXPECT_EQ(result.exit_code, 9) << result.out;
  EXPECT_TRUE(contains(result.out, "collapsed: b: 1 of 1 rows hold NaN")) << result.out;
  write_bytes(path("others.tsv"), "node_id\tnode_type\n1\tx\n2\tx\n3\ty\n4\ty\n");
  EXPECT_TRUE(contains(validate({"e.npy", "--ids", "others.tsv"}).out, "y: 1 of 2 rows"));
}

TEST_F(HgtValidateTest, Usage) {
  expect_message(hgt({HGNN_MOE_BIN_DIR "/hgt_embed"}), 2, "no command is given");
  expect_message(hgt({HGNN_MOE_BIN_DIR "/hgt_embed", "valid"}), 2, "'valid' is no command");
  expect_message(validate({}), 2, "embeddings is not given");
  expect_message(validate({"e.txt"}), 2, "'e.txt' ends in no format");
  expect_message(validate({"e.csv", "--epochs", "3"}), 2, "there is no flag --epochs");
  expect_message(validate({csv(3, 1.0), "--ids", "i.tsv"}), 2, "'i.tsv' is for a .npy file");
  const ProcessResult help = hgt({HGNN_MOE_BIN_DIR "/hgt_embed", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_TRUE(contains(help.out, "validate")) << help.out;
  EXPECT_TRUE(contains(validate({"--help"}).out, "--embeddings FILE"));
  const ProcessResult version = hgt({HGNN_MOE_BIN_DIR "/hgt_embed", "--version"});
  EXPECT_EQ(version.out.rfind("hgt_embed ", 0), 0u) << version.out;
}

TEST_F(HgtValidateTest, BadFiles) {
  expect_message(validate({"none.csv"}), 3, "none.csv");
  write_bytes(path("bad.csv"), "node_id,emb_0\na,x\nb,y\n");
  expect_message(validate({"bad.csv"}), 3,
                 "bad.csv, line 2: emb_0 is 'x', no number; correct it\n"
                 "bad.csv, line 3: emb_0 is 'y', no number; correct it");
  expect_message(validate({csv(40, 3.0), "--graph", "no_graph"}), 3, "no_graph");
}

TEST_F(HgtValidateTest, AReportThatCannotBeWrittenTakesNothingAway) {
  const ProcessResult nowhere = validate({csv(40, 3.0), "--json", "no/such/folder/r.json"});
  EXPECT_EQ(nowhere.exit_code, 7) << nowhere.err;
  EXPECT_TRUE(contains(nowhere.err, "no/such/folder")) << nowhere.err;
  EXPECT_EQ(nowhere.out, "") << "told before the work";
  ProcessOptions full;
  full.file_size_limit = 6000;  // more than the table, less than the report
  const ProcessResult cut = validate({csv(40, 3.0), "--json", "r.json"}, full);
  EXPECT_EQ(cut.exit_code, 7) << cut.err;
  EXPECT_TRUE(contains(cut.out, "verdict: good")) << cut.out;
  EXPECT_FALSE(fs::exists(path("r.json")));
}

TEST_F(HgtValidateTest, LittleMemoryIsSaid) {
  ProcessOptions options;
  options.address_space_limit = 8L << 30;
  write_npy_f32(path("wide.npy"), 1, 40000, std::vector<float>(40000, 1.0f).data());
  const ProcessResult result = validate({"wide.npy"}, options);
  EXPECT_EQ(result.exit_code, 6) << result.err;
  EXPECT_TRUE(contains(result.err, "out of memory: give")) << result.err;
}

}  // namespace
}  // namespace hgnn_moe::e2e
