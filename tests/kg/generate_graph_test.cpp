// The program generate_graph.
#include <gtest/gtest.h>

#include "tests/kg/kg_files.h"
#include "tests/support/process.h"

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/kg/generate.h"

namespace hgnn_moe::kg {
namespace {

ProcessResult run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), HGNN_MOE_BIN_DIR "/generate_graph");
  return run_process(arguments, {});
}

TEST(GenerateGraphTest, WritesTheGraphOfItsSeed) {
  const TemporaryFolder folder;
  const std::string path = (folder / "kg.csv").string();
  EXPECT_EQ(run({"mechanism", path, "5"}).exit_code, 0);
  EXPECT_EQ(read_text_file(path, ExitCode::data),
            collected([](const TextSink& sink) { generate_mechanism({}, 5, sink); }));
  EXPECT_EQ(run({"mechanism", path}).exit_code, 0);
  EXPECT_EQ(read_text_file(path, ExitCode::data),
            collected([](const TextSink& sink) { generate_mechanism({}, 42, sink); }));
}

TEST(GenerateGraphTest, TellsWhatIsWrong) {
  const TemporaryFolder folder;
  const std::string path = (folder / "kg.csv").string();
  EXPECT_EQ(run({"--help"}).exit_code, 0);
  EXPECT_EQ(run({}).exit_code, 2);
  const ProcessResult kind = run({"star", path});
  EXPECT_EQ(kind.exit_code, 2);
  EXPECT_TRUE(contains(kind.err, "'star' is no kind of graph")) << kind.err;
  const ProcessResult seed = run({"mechanism", path, "-1"});
  EXPECT_EQ(seed.exit_code, 2);
  EXPECT_TRUE(contains(seed.err, "the seed '-1'")) << seed.err;
  EXPECT_EQ(run({"mechanism", (folder / "no/such/folder/kg.csv").string()}).exit_code, 7);
  EXPECT_TRUE(names_in(folder.path()).empty());
}

}  // namespace
}  // namespace hgnn_moe::kg
