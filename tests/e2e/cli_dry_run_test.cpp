// --dry_run: one JSON object on standard output, and nothing else happens.
#include "tests/e2e/program_fixture.h"

namespace hgnn_moe::e2e {
namespace {

class CliDryRunTest : public ProgramTest {
 protected:
  Json dry_run(const Flags& flags) const {
    const ProcessResult result = run(flags.with({{"dry_run", ""}}));
    expect_success(result);
    EXPECT_EQ(result.err, "");
    return parse_json(result.out, "standard output", ExitCode::internal);
  }

  std::int64_t parameters(const Flags& flags) const {
    return dry_run(flags.with({{"vocab_size", "50257"}})).at("parameters").at("total");
  }
};

TEST_F(CliDryRunTest, PublishedTotalsToTheDigit) {
  const Flags gnn{{"coupler_type", "GNN"},
                  {"embed_dim", "384"},
                  {"num_layers", "4"},
                  {"gnn_layers", "2"},
                  {"num_experts", "4"}};
  EXPECT_EQ(parameters(gnn), 70055129);
  EXPECT_EQ(parameters(gnn.with({{"num_experts", "2"}})), 55859321);
  EXPECT_EQ(parameters(gnn.with({{"num_experts", "8"}})), 98446937);
  EXPECT_EQ(parameters(gnn.with({{"embed_dim", "256"}})), 39773401);
  EXPECT_EQ(parameters(gnn.with({{"embed_dim", "512"}})), 107283673);
  EXPECT_EQ(parameters(gnn.with({{"gnn_layers", "1"}})), 68869269);
  EXPECT_EQ(parameters(gnn.with({{"gnn_layers", "3"}})), 71240989);
  EXPECT_EQ(parameters(gnn.with({{"num_layers", "6"}})), 85733917);
  EXPECT_EQ(parameters(gnn.with({{"num_layers", "8"}})), 101412705);

  const Flags hgnn{{"coupler_type", "HGNN"}, {"gnn_layers", "3"}};
  EXPECT_EQ(
      parameters(hgnn.with({{"embed_dim", "384"}, {"num_layers", "6"}, {"num_experts", "2"}})),
      63543895);
  EXPECT_EQ(
      parameters(hgnn.with({{"embed_dim", "512"}, {"num_layers", "8"}, {"num_experts", "4"}})),
      160869505);
}

TEST_F(CliDryRunTest, PartsAddUp) {
  const Json record = dry_run({{"vocab_size", "64"}});
  const Json& parameters = record.at("parameters");
  std::int64_t sum = 0;
  for (const char* part : {"embeddings", "experts", "couplers", "head"}) {
    sum += parameters.at(part).get<std::int64_t>();
  }
  EXPECT_EQ(parameters.at("total"), sum);
  const Json& memory = record.at("memory");
  EXPECT_EQ(memory.at("parameters"), 4 * sum);
  EXPECT_EQ(memory.at("gradients"), 4 * sum);
  EXPECT_EQ(memory.at("optimizer"), 8 * sum);
  EXPECT_EQ(memory.at("snapshot"), 12 * sum);
  // A peak: not all parts are there at once, but what a step begins and ends with is.
  std::int64_t bytes = 0;
  for (const auto& [part, value] : memory.items()) {
    if (part != "total") bytes += value.get<std::int64_t>();
  }
  EXPECT_LE(memory.at("total"), bytes);
  EXPECT_GE(memory.at("total"), 16 * sum);
}

TEST_F(CliDryRunTest, WithoutASaveBeforeTheLastThereIsNoSnapshot) {
  const auto memory = [&](const char* eval_every, const char* save_every) {
    return dry_run({{"synthetic_data", ""},
                    {"max_steps", "6"},
                    {"eval_every", eval_every},
                    {"save_every", save_every}})
        .at("memory");
  };
  const Json none = memory("6", "0");
  EXPECT_EQ(none.at("snapshot"), 0);
  for (const Json& some : {memory("5", "0"), memory("0", "5"), memory("6", "1")}) {
    const std::int64_t bytes = some.at("snapshot");
    EXPECT_EQ(bytes, 3 * some.at("parameters").get<std::int64_t>());
    EXPECT_EQ(some.at("total"), none.at("total").get<std::int64_t>() + bytes);
  }
}

TEST_F(CliDryRunTest, WithoutDataStepsAreUnknownAndTheVocabularyIsNeeded) {
  const Json record = dry_run({{"vocab_size", "64"}});
  EXPECT_TRUE(record.at("steps").is_null());
  EXPECT_TRUE(record.at("tokens").is_null());
  expect_failure(run(Flags{{"dry_run", ""}}), ExitCode::data,
                 {"vocab_size is not known", "./data/wikitext/wikitext-2-v1"});
}

// Against the run that it announces.
TEST_F(CliDryRunTest, WithDataStepsAndTokensAreThoseOfTheRun) {
  write_dataset(path("text"), make_documents(21, 1), make_documents(5, 2));
  const Flags flags = tiny().with({{"dataset_name", "text"},
                                   {"epochs", "3"},
                                   {"gradient_accumulation_steps", "2"},
                                   {"max_batches_per_epoch", "5"}});
  const Json record = dry_run(flags);
  EXPECT_EQ(names_in(folder()), std::vector<std::string>{"text"});
  EXPECT_EQ(record.at("steps"), 9);
  EXPECT_EQ(record.at("config").at("dataset_name"), "text");

  expect_success(run(flags));
  const Json summary = read_json(path("runs/run/run_summary.json"));
  EXPECT_EQ(summary.at("steps"), record.at("steps"));
  EXPECT_EQ(summary.at("tokens"), record.at("tokens"));
  EXPECT_EQ(summary.at("parameters"), record.at("parameters").at("total"));
}

// What it prints is a configuration file that gives the same again.
TEST_F(CliDryRunTest, ItsConfigurationReadsBack) {
  const Json record = dry_run(tiny().with({{"vocab_size", "64"}, {"coupler_type", "HGNN"}}));
  data::testing::write_bytes(path("again.json"), record.at("config").dump());
  EXPECT_EQ(dry_run({{"config", "again.json"}}), record);
}

// Standard output stays one JSON object.
TEST_F(CliDryRunTest, WhatHasNoEffectIsSaid) {
  const Flags flags = {
      {"dry_run", ""}, {"vocab_size", "64"}, {"coupler_type", "MEAN"}, {"gnn_layers", "3"}};
  for (const Flags& given : {flags, flags.with({{"quiet", ""}})}) {
    const ProcessResult result = run(given);
    expect_success(result);
    parse_json(result.out, "standard output", ExitCode::internal);
    EXPECT_TRUE(contains(result.err, "coupler_type is MEAN, so these have no effect: gnn_layers"))
        << result.err;
  }
}

TEST_F(CliDryRunTest, MistakesAreStillMistakes) {
  write_dataset(path("text"), {{1, 2, 64}}, {{1, 2}});
  expect_failure(run(tiny().with({{"dataset_name", "text"}, {"dry_run", ""}})), ExitCode::data,
                 {"token id 64"});
}

}  // namespace
}  // namespace hgnn_moe::e2e
