#include "hgnn_moe/config/hgt_options.h"

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/config/parse_support.h"

#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

const std::string kPage = HGNN_MOE_SOURCE_DIR "/docs/hgt_usage.md";

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

// Whether a text has the flag, and not only a longer one.
bool shows(const std::string& text, const std::string& name) {
  return std::regex_search(text, std::regex("--" + name + "[^a-z_]"));
}

// Names may be added; none may change or go.
TEST(HgtOptions, NamesAndDefaultsAreFrozen) {
  Json defaults = Json::object();
  for (const auto& option : hgt_option_table().options()) {
    defaults[option.spec.name] = option.get(HgtConfig{});
    EXPECT_FALSE(option.spec.commands.empty()) << option.spec.name;
  }
  const Json expected =
      read_json_file(HGNN_MOE_SOURCE_DIR "/tests/config/hgt_defaults.json", ExitCode::internal);
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
  for (const std::string& name : names_of(HgtCommand{})) {
    EXPECT_NE(program.find("\n  " + name + " "), std::string::npos) << program;
    const std::string command = parse_hgt({name, "--help"}).help;
    for (const auto& option : hgt_option_table().options()) {
      const auto& owners = option.spec.commands;
      const bool is_own = std::find(owners.begin(), owners.end(), name) != owners.end();
      EXPECT_EQ(shows(command, option.spec.name), is_own) << name << ' ' << option.spec.name;
    }
    EXPECT_NE(command.find("--config FILE"), std::string::npos);
  }
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
  EXPECT_NE(
      hgt_errors({}).find(
          "no command is given; begin with train, embed, evaluate, validate, predict, compare"),
      std::string::npos);
  EXPECT_EQ(hgt_errors({"valdate", "e.csv"}), "'valdate' is no command; did you mean validate?");
}

TEST(HgtOptions, ThePageHoldsTheTables) {
  std::string page = read_text_file(kPage, ExitCode::internal);
  const bool writes = std::getenv("HGNN_MOE_WRITE_DOCS") != nullptr;
  for (std::size_t c = 0; c < names_of(HgtCommand{}).size(); ++c) {
    const std::string& name = names_of(HgtCommand{})[c];
    const std::string begin = "<!-- options of " + name + ": begin -->\n";
    const std::size_t from = page.find(begin);
    const std::size_t to = page.find("\n<!-- options of " + name + ": end -->");
    ASSERT_TRUE(from != std::string::npos && to != std::string::npos) << kPage << ' ' << name;
    const std::size_t start = from + begin.size();
    const std::string table = hgt_options_markdown(static_cast<HgtCommand>(c));
    if (writes) {
      page.replace(start, to - start, table);
    } else {
      EXPECT_EQ(page.substr(start, to - start), table)
          << "run this test once with HGNN_MOE_WRITE_DOCS=1";
    }
  }
  if (!writes) return;
  write_file_atomically(kPage, page);
  GTEST_SKIP() << "wrote " << kPage;
}

TEST(HgtOptions, PresetsGiveWhatIsNotGiven) {
  const HgtConfig quick = parse_hgt({"train", "kg", "--preset", "quick"}).config;
  EXPECT_EQ(quick.num_epochs, 20);
  EXPECT_EQ(quick.limit_nodes, 5000);
  EXPECT_EQ(quick.accumulation_steps, 4);
  const HgtConfig given =
      parse_hgt({"train", "kg", "--preset", "high_quality", "--num_epochs", "7"}).config;
  EXPECT_EQ(given.num_epochs, 7);
  EXPECT_EQ(given.learning_rate, 5e-4);
  EXPECT_EQ(given.sampling, HgtSampling::edges);
  EXPECT_EQ(given.edge_sample_size, 8000);
  EXPECT_EQ(given.accumulation_steps, 2);
  const HgtConfig full = parse_hgt({"train", "kg", "--preset", "full"}).config;
  EXPECT_EQ(full.sampling, HgtSampling::edges);
  EXPECT_EQ(full.edge_sample_size, 5000);
  EXPECT_EQ(
      parse_hgt({"train", "kg", "--preset", "full", "--sampling", "neighbors"}).config.sampling,
      HgtSampling::neighbors);
  const HgtConfig small = parse_hgt({"train", "kg", "--preset", "memory_constrained"}).config;
  EXPECT_EQ(small.sampling, HgtSampling::edges);
  EXPECT_EQ(small.edge_sample_size, 3000);
}

TEST(HgtOptions, CommasBetweenParenthesesArePartOfAName) {
  EXPECT_EQ(name_list("(Gene, participates, Pathway), treats"),
            (std::vector<std::string>{"(Gene, participates, Pathway)", "treats"}));
  EXPECT_EQ(name_list("a,b,"), (std::vector<std::string>{"a", "b", ""}));
  EXPECT_TRUE(name_list("").empty());
}

// Options that are newer than a run had no part in it.
TEST(HgtOptions, ARunOfAnOlderProgramKeepsItsModel) {
  Json old = to_json(parse_hgt({"train", "kg"}).config);
  for (const char* key :
       {"jumping_knowledge", "embedding_init", "embedding_dropout", "known_candidates"}) {
    old.erase(key);
  }
  const HgtConfig config = hgt_config_of(old);
  EXPECT_FALSE(config.jumping_knowledge);
  EXPECT_EQ(config.embedding_init, 1.0);
  EXPECT_EQ(config.embedding_dropout, 0.0);
  EXPECT_EQ(config.known_candidates, HgtKnown::left_out);
}

TEST(HgtOptions, MemoryIsGivenWithItsUnit) {
  EXPECT_EQ(parse_hgt({"train", "kg", "--memory_limit", "2.5GiB"}).config.memory_limit, "2.5GiB");
  EXPECT_EQ(parse_hgt({"evaluate", "run", "--memory_limit=800MB"}).config.memory_limit, "800MB");
  EXPECT_EQ(parse_hgt({"train", "kg"}).config.memory_limit, "");
  for (const char* wrong : {"3G", "lots", "0GB", "-1GB"}) {
    EXPECT_EQ(hgt_errors({"train", "kg", "--memory_limit", wrong}),
              std::string("--memory_limit is \"") + wrong +
                  "\"; give a size such as 3GB, 2.5GiB or 800MB");
  }
}

TEST(HgtOptions, EveryLayerHasItsNeighbours) {
  EXPECT_EQ(parse_hgt({"train", "kg", "--num_layers", "3"}).config.num_neighbors, "10,10,10");
  EXPECT_EQ(parse_hgt({"train", "kg", "--num_layers", "1"}).config.num_neighbors, "10");
  EXPECT_EQ(neighbor_counts("10,all,3"), (std::vector<std::int64_t>{10, kAll, 3}));
  EXPECT_NE(hgt_errors({"train", "kg", "--num_neighbors", "10,x"}).find("num_neighbors"),
            std::string::npos);
}

TEST(HgtOptions, OptionsWithoutEffectAreNoted) {
  const auto notes = parse_hgt({"train", "kg", "--margin", "3", "--edge_sample_size", "7"}).notes;
  EXPECT_EQ(notes,
            (std::vector<std::string>{"edge_sample_size has no effect with sampling neighbors",
                                      "margin has no effect but with decoder rotate"}));
  EXPECT_TRUE(parse_hgt({"train", "kg"}).notes.empty());
}

TEST(HgtOptions, WhatEmbedWritesIsChecked) {
  const HgtConfig config =
      parse_hgt({"embed", "runs/a", "--out", "e.npy", "--pairs=p.csv", "--relation", "treats"})
          .config;
  EXPECT_EQ(config.command, HgtCommand::embed);
  EXPECT_EQ(config.run, "runs/a");
  EXPECT_EQ(config.negatives, 1);
  EXPECT_EQ(hgt_errors({"embed"}),
            "run is not given; give the folder of a run of hgt_embed train\n"
            "out is not given; give a .safetensors, .npy or .csv file to write");
  EXPECT_EQ(hgt_errors({"embed", "r", "--out", "e.h5", "--pairs", "p.tsv", "--negatives", "-1"}),
            "--out is \"e.h5\"; give the path of a .safetensors, .npy or .csv file\n"
            "--pairs is \"p.tsv\"; give the path of a .csv file\n"
            "--negatives is \"-1\"; give a whole number: 0 to 1000");
  EXPECT_EQ(hgt_errors({"embed", "r", "--out", "e.csv", "--pairs", "e.csv"}),
            "pairs is given and relation is not; give the relation whose facts are written\n"
            "out and pairs are both 'e.csv'; give two files");
  EXPECT_EQ(parse_hgt({"embed", "r", "--out", "e.csv", "--negatives", "2"}).notes,
            std::vector<std::string>{"negatives has no effect without pairs"});
}

TEST(HgtOptions, ABatchHasATripleForEveryPart) {
  EXPECT_EQ(
      hgt_errors({"train", "kg", "--batch_size", "7"}),
      "batch_size is 7, which cannot be cut into accumulation_steps 8; give a larger batch_size "
      "or at most 7 accumulation_steps");
  EXPECT_NE(hgt_errors({"compare", "kg", "--batch_size", "1", "--preset", "high_quality"}), "");
  EXPECT_EQ(parse_hgt({"train", "kg", "--batch_size", "4", "--preset", "quick"})
                .config.accumulation_steps,
            4);
}

TEST(HgtOptions, ALayerWithoutNeighboursIsNoLayer) {
  EXPECT_EQ(hgt_errors({"train", "kg", "--num_neighbors", "10,0"}),
            "--num_neighbors is \"10,0\"; give a number from 1 or all for each layer, separated by "
            "commas");
  EXPECT_EQ(parse_hgt({"train", "kg", "--num_neighbors", "all,10"}).config.num_neighbors, "all,10");
}

TEST(HgtOptions, TheSeedOfNegativesIsTheRunsUnlessGiven) {
  EXPECT_EQ(parse_hgt({"evaluate", "r"}).config.negatives_seed, kRunsSeed);
  EXPECT_EQ(parse_hgt({"evaluate", "r", "--negatives_seed", "42"}).config.negatives_seed, 42);
  EXPECT_EQ(parse_hgt({"validate", "e.npy"}).config.seed, 42);
}

TEST(HgtOptions, GivenFeaturesNeedAFile) {
  EXPECT_EQ(hgt_errors({"train", "kg", "--node_features", "given"}),
            "node_features is given, which needs features; give the file with the numbers");
  EXPECT_EQ(hgt_errors({"train", "kg", "--features", "f.csv"}),
            "features is 'f.csv', which only node_features given reads; give that as well or leave "
            "it out");
  EXPECT_TRUE(parse_hgt({"evaluate", "r", "--features", "f.csv"}).notes.empty());
}

TEST(HgtOptions, AConfigurationReadsBack) {
  HgtConfig config = parse_hgt({"train", "kg", "--decoder", "rotate", "--seed", "9", "--loss",
                                "bce", "--num_neighbors", "3,4"})
                         .config;
  EXPECT_EQ(to_json(hgt_config_of(to_json(config))), to_json(config));
  Json broken = to_json(config);
  broken["decoder"] = "none";
  try {
    hgt_config_of(broken);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::data);
  }
}

}  // namespace
}  // namespace hgnn_moe
