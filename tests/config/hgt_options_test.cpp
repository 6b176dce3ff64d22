#include "hgnn_moe/config/hgt_options.h"

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/config/parse_support.h"

#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

const std::string kPage = HGNN_MOE_SOURCE_DIR "/docs/hgt.md";

HgtInput parse_hgt(const std::vector<std::string>& arguments) {
  const std::vector<const char*> argv = argv_of(arguments);
  return parse_hgt_command_line(static_cast<int>(argv.size()), argv.data());
}

std::string hgt_errors(const std::vector<std::string>& arguments) {
  try {
    parse_hgt(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::usage);
    return error.what();
  }
  return "";
}

// Names may be added; none may change or go.
TEST(HgtOptions, NamesAndDefaultsAreFrozen) {
  Json defaults = Json::object();
  for (const auto& option : hgt_option_table().options()) {
    defaults[option.spec.name] = option.get(HgtConfig{});
    EXPECT_FALSE(option.spec.commands.empty()) << option.spec.name;
  }
  const Json expected = parse_json(R"({
      "embeddings": null, "ids": null, "graph": null, "json": null, "seed": 42, "threads": 0})",
                                   "expected", ExitCode::internal);
  EXPECT_EQ(defaults, expected);
}

TEST(HgtOptions, TheEmbeddingsNeedNoFlag) {
  const HgtConfig config =
      parse_hgt({"validate", "e.npy", "--ids", "ids.tsv", "--json=r.json", "--seed", "7"}).config;
  EXPECT_EQ(config.command, HgtCommand::validate);
  EXPECT_EQ(config.embeddings, "e.npy");
  EXPECT_EQ(config.ids, "ids.tsv");
  EXPECT_EQ(config.json, "r.json");
  EXPECT_EQ(config.seed, 7);
  EXPECT_EQ(parse_hgt({"validate", "--embeddings", "e.csv"}).config.embeddings, "e.csv");
}

TEST(HgtOptions, FilesAreLayersBelowFlags) {
  const ConfigFolder folder;
  const std::string path =
      folder.write("a.json", R"({"embeddings": "a.csv", "seed": 3, "graph": "kg"})");
  const HgtConfig config = parse_hgt({"validate", "--config", path, "--seed", "5"}).config;
  EXPECT_EQ(config.embeddings, "a.csv");
  EXPECT_EQ(config.graph, "kg");
  EXPECT_EQ(config.seed, 5);
  EXPECT_EQ(parse_hgt({"validate", "b.csv", "--config", path}).config.embeddings, "b.csv");
}

TEST(HgtOptions, HelpAndVersion) {
  const std::string program = parse_hgt({"--help"}).help;
  EXPECT_NE(program.find("\n  validate "), std::string::npos) << program;
  EXPECT_EQ(program.find("train"), std::string::npos) << "commands that are not there";
  const std::string command = parse_hgt({"validate", "--help"}).help;
  for (const auto& option : hgt_option_table().options()) {
    EXPECT_NE(command.find("--" + option.spec.name), std::string::npos) << option.spec.name;
  }
  EXPECT_NE(command.find("--config FILE"), std::string::npos);
  EXPECT_TRUE(parse_hgt({"--version"}).version);
  EXPECT_TRUE(parse_hgt({"validate", "--version"}).version);
  EXPECT_TRUE(parse_hgt({"validate", "e.csv"}).help.empty());
}

TEST(HgtOptions, MistakesAreToldTogether) {
  EXPECT_EQ(hgt_errors({"validate"}), "embeddings is not given; write hgt_embed validate FILE");
  EXPECT_EQ(hgt_errors({"validate", "e.csv", "--sed", "1", "--threads", "-1"}),
            "there is no flag --sed; did you mean --seed?\n"
            "--threads is \"-1\"; give a whole number: 0 to 4096");
  EXPECT_EQ(hgt_errors({"validate", "--embeddings="}),
            "--embeddings is \"\"; give the path of a .safetensors, .npy or .csv file");
  EXPECT_NE(hgt_errors({}).find("no command is given; begin with validate"), std::string::npos);
  EXPECT_EQ(hgt_errors({"valdate", "e.csv"}), "'valdate' is no command; did you mean validate?");
}

TEST(HgtOptions, ThePageHoldsTheTable) {
  const std::string begin = "<!-- options of validate: begin -->\n";
  const std::string end = "\n<!-- options of validate: end -->";
  std::string page = read_text_file(kPage, ExitCode::internal);
  const std::size_t from = page.find(begin);
  const std::size_t to = page.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos) << kPage;
  const std::size_t start = from + begin.size();
  const std::string table = hgt_options_markdown(HgtCommand::validate);
  if (std::getenv("HGNN_MOE_WRITE_DOCS") != nullptr) {
    page.replace(start, to - start, table);
    write_file_atomically(kPage, page);
    GTEST_SKIP() << "wrote " << kPage;
  }
  EXPECT_EQ(page.substr(start, to - start), table)
      << "run this test once with HGNN_MOE_WRITE_DOCS=1";
}

}  // namespace
}  // namespace hgnn_moe
