#include "hgnn_moe/sweep/sweep_plan.h"

#include <cstdlib>
#include <set>

#include "tests/sweep/sweep_support.h"

namespace hgnn_moe {
namespace {

class SweepPlanTest : public SweepFileTest {
 protected:
  static std::vector<std::string> settings_of(const SweepPlan& plan) {
    std::vector<std::string> settings;
    for (const SweepRow& row : plan.rows) settings.push_back(row.varied.dump());
    return settings;
  }
};

using Texts = std::vector<std::string>;

TEST_F(SweepPlanTest, TheBaseAloneIsOneRun) {
  const SweepPlan found = plan("");
  ASSERT_EQ(found.rows.size(), 1u);
  EXPECT_EQ(found.name, "sweep");
  EXPECT_TRUE(found.varied.empty());
  EXPECT_EQ(found.rows[0].seed, 42);
  EXPECT_EQ(found.rows[0].id, "seed-42_" + found.rows[0].hash.substr(0, 8));
}

TEST_F(SweepPlanTest, AGridIsAllCombinationsTheFirstOptionSlowest) {
  EXPECT_EQ(settings_of(plan(R"("grid": {"num_experts": [2, 3], "num_layers": [1, 2]})")),
            (Texts{R"({"num_layers":1,"num_experts":2})", R"({"num_layers":2,"num_experts":2})",
                   R"({"num_layers":1,"num_experts":3})", R"({"num_layers":2,"num_experts":3})"}));
}

TEST_F(SweepPlanTest, AZipGoesSideBySideAndMultipliesWithTheRest) {
  EXPECT_EQ(settings_of(plan(R"("zip": {"num_experts": [2, 3], "num_layers": [1, 2]})")),
            (Texts{R"({"num_layers":1,"num_experts":2})", R"({"num_layers":2,"num_experts":3})"}));
  EXPECT_EQ(plan(R"("grid": {"batch_size": [4, 8, 16]},
                    "zip": [{"num_experts": [2, 3], "num_layers": [1, 2]},
                            {"learning_rate": [0.1, 0.2]}])")
                .rows.size(),
            12u);
}

TEST_F(SweepPlanTest, PointsStandBesideTheGrid) {
  const SweepPlan alone =
      plan(R"("points": [{"num_experts": 3}, {"name": "five", "num_experts": 5}])");
  ASSERT_EQ(alone.rows.size(), 2u) << "the base by itself is no run then";
  EXPECT_FALSE(alone.rows[0].name.has_value());
  EXPECT_EQ(alone.rows[1].name, "five");
  EXPECT_EQ(plan(R"("grid": {"num_experts": [2, 4]}, "points": [{"num_experts": 3}])").rows.size(),
            3u);
}

TEST_F(SweepPlanTest, EverySeedRunsOnceAndIsNoVariedOption) {
  const SweepPlan found = plan(R"("grid": {"num_experts": [2, 3]}, "seeds": [5, 6])");
  ASSERT_EQ(found.rows.size(), 4u);
  EXPECT_EQ(found.varied, Texts{"num_experts"});
  EXPECT_EQ(found.rows[0].seed, 5);
  EXPECT_EQ(found.rows[1].seed, 6);
  EXPECT_EQ(found.rows[1].config.seed, 6);
  EXPECT_EQ(found.rows[1].varied, found.rows[0].varied);
  EXPECT_NE(found.rows[1].hash, found.rows[0].hash);
  EXPECT_EQ(found.rows[1].id, "num_experts-2_seed-6_" + found.rows[1].hash.substr(0, 8));
}

TEST_F(SweepPlanTest, ConstraintsLeaveOutWhatMeetsIfAndNotThen) {
  const SweepPlan found = plan(R"("grid": {"coupler_type": ["GNN", "HGNN"], "num_experts": [2, 3]},
      "constraints": [{"if": {"coupler_type": "HGNN"}, "then": {"num_experts": {"min": 3}}}])");
  EXPECT_EQ(found.rows.size(), 3u);
  ASSERT_EQ(found.left_out.size(), 1u);
  EXPECT_EQ(found.left_out[0].settings.dump(), R"({"coupler_type":"HGNN","num_experts":2})");
  EXPECT_EQ(found.left_out[0].constraint, "if coupler_type is HGNN then num_experts is at least 3");
}

TEST_F(SweepPlanTest, EveryConstraintSeesTheWholeRow) {
  const SweepPlan found = plan(R"("grid": {"num_experts": [2, 3, 4]}, "constraints": [
      {"if": {"num_experts": 2}, "then": {"num_layers": {"min": 2}}},
      {"if": {"batch_size": 4}, "then": {"num_experts": {"max": 3}}}])",
                               {"--batch_size", "4"});
  ASSERT_EQ(found.rows.size(), 1u);
  EXPECT_EQ(found.rows[0].config.num_experts, 3);
  ASSERT_EQ(found.left_out.size(), 2u);
  EXPECT_EQ(found.left_out[0].constraint, "if num_experts is 2 then num_layers is at least 2")
      << "of the base";
  EXPECT_EQ(found.left_out[1].constraint, "if batch_size is 4 then num_experts is at most 3")
      << "of a flag";
}

TEST_F(SweepPlanTest, NothingLeftIsAnError) {
  const std::string message = message_of_error(
      ExitCode::usage, [&] { plan(R"("constraints": [{"if": {}, "then": {"num_experts": 9}}])"); });
  EXPECT_TRUE(contains(message, "its constraints leave out all 1 combinations")) << message;
}

TEST_F(SweepPlanTest, GroupsAreNamedInTheirRows) {
  const SweepPlan found = plan(R"("groups": [{"name": "a", "base": {"num_experts": 3}},
                                             {"name": "b", "base": {"num_layers": 2}}])");
  ASSERT_EQ(found.rows.size(), 2u);
  EXPECT_EQ(found.rows[0].group, "a");
  EXPECT_EQ(found.rows[1].group, "b");
  EXPECT_EQ(found.rows[0].varied.dump(), R"({"num_layers":1,"num_experts":3})")
      << "both have all values, their own or the base's";
}

TEST_F(SweepPlanTest, FlagsGoOverAllRows) {
  const SweepPlan found = plan(R"("grid": {"num_experts": [2, 3]})",
                               {"--batch_size", "4", "--seed", "9", "--run_name", "mine"});
  EXPECT_EQ(found.name, "mine");
  for (const SweepRow& row : found.rows) {
    EXPECT_EQ(row.config.batch_size, 4);
    EXPECT_EQ(row.seed, 9);
    EXPECT_EQ(row.settings.count("run_name") + row.settings.count("sweep"), 0u);
  }
}

TEST_F(SweepPlanTest, AFlagThatIsVariedTooIsAnError) {
  for (const std::string parts :
       {R"("grid": {"num_experts": [2, 3]})", R"("zip": {"num_experts": [2, 3]})",
        R"("points": [{"num_experts": 3}])"}) {
    const std::string message =
        message_of_error(ExitCode::usage, [&] { plan(parts, {"--num_experts", "4"}); });
    EXPECT_TRUE(contains(message, "num_experts (flag) goes over all runs, but ")) << message;
    EXPECT_TRUE(contains(message, " varies it; drop one of them")) << message;
  }
  EXPECT_TRUE(contains(
      message_of_error(ExitCode::usage, [&] { plan(R"("seeds": [1, 2])", {"--seed", "4"}); }),
      "seed (flag) goes over all runs"));
}

TEST_F(SweepPlanTest, AContradictionIsARowAndNotTheEnd) {
  const SweepPlan found = plan(R"("grid": {"num_heads": [2, 3]})");
  ASSERT_EQ(found.rows.size(), 2u);
  EXPECT_EQ(found.rows[0].problem, "");
  EXPECT_TRUE(contains(found.rows[1].problem, "is 16, which 3 attention heads do not divide"));
  EXPECT_FALSE(found.rows[1].forecast.has_value());
}

TEST_F(SweepPlanTest, HashesAreOfWhatChangesResults) {
  const auto hash = [&](const std::vector<std::string>& flags) {
    return plan("", flags).rows.at(0).hash;
  };
  const std::string plain = hash({});
  EXPECT_EQ(plain.size(), 32u);
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--threads", "3"},
                                                {"--device", "cpu"},
                                                {"--quiet"},
                                                {"--checkpoint_dir", "x"},
                                                {"--run_name", "x"},
                                                {"--save_every", "7"},
                                                {"--keep_checkpoints", "9"},
                                                {"--data_dir", "x"},
                                                {"--profile", "2"},
                                                {"--sweep_jobs", "2"},
                                                {"--num_workers_dataloader", "0"}}) {
    EXPECT_EQ(hash(flags), plain) << flags[0];
  }
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"--embed_dim", "32"},
                                                {"--seed", "1"},
                                                {"--eval_every", "7"},
                                                {"--learning_rate", "0.1"},
                                                {"--precision", "bf16"},
                                                {"--max_steps", "4"},
                                                {"--max_seq_length", "12"},
                                                {"--num_eval_samples", "3"}}) {
    EXPECT_NE(hash(flags), plain) << flags[0];
  }
}

TEST_F(SweepPlanTest, WhatIsVariedTellsRowsApartWhateverItChanges) {
  const SweepPlan found = plan(R"("grid": {"threads": [1, 2]})");
  ASSERT_EQ(found.rows.size(), 2u);
  EXPECT_NE(found.rows[0].hash, found.rows[1].hash);
}

TEST_F(SweepPlanTest, HyperedgesCountByTheirContent) {
  const std::string edges = (folder() / "edges.json").string();
  const std::string parts =
      R"("grid": {"coupler_type": ["HGNN"], "hyperedges_file": [")" + edges + R"("]})";
  put_file(edges, "[[0, 1]]");
  const std::string hash = plan(parts).rows.at(0).hash;
  EXPECT_EQ(plan(parts).rows.at(0).hash, hash);
  put_file(edges, "[[0], [1]]");
  EXPECT_NE(plan(parts).rows.at(0).hash, hash);
  put_file(edges, "[[7]]");
  EXPECT_TRUE(contains(plan(parts).rows.at(0).problem, "hyperedge 0 holds 7"));
  EXPECT_EQ(plan(parts).rows.at(0).problem_code, ExitCode::usage);
  std::filesystem::remove(edges);
  EXPECT_TRUE(contains(plan(parts).rows.at(0).problem, "hyperedges_file: cannot read"));
  EXPECT_EQ(plan(parts).rows.at(0).problem_code, ExitCode::data);
}

TEST_F(SweepPlanTest, FirstWeightsCountByTheirContent) {
  const std::filesystem::path run = folder() / "run";
  const std::filesystem::path checkpoint = run / "checkpoints/step-00000003";
  std::filesystem::create_directories(checkpoint);
  put_file(checkpoint / "model.safetensors", "one");
  put_file(run / "checkpoints/best", "step-00000003\n");
  put_file(folder() / "copy.safetensors", "one");
  const auto hash = [&](const std::filesystem::path& source) {
    return plan("", {"--init_from", source.string()}).rows.at(0).hash;
  };
  const std::string one = hash(checkpoint);
  EXPECT_EQ(hash(run / "checkpoints/best"), one);
  EXPECT_EQ(hash(checkpoint / "model.safetensors"), one);
  EXPECT_EQ(hash(folder() / "copy.safetensors"), one);
  EXPECT_NE(hash(folder() / "missing"), one);
  put_file(run / "checkpoints/latest", "step-00000009\n");  // its run says that it is missing
  EXPECT_EQ(plan("", {"--init_from", (run / "checkpoints/latest").string()}).rows.size(), 1u);
  put_file(checkpoint / "model.safetensors", "two");
  EXPECT_NE(hash(checkpoint), one);
}

// Rows of a hash do not have an option that is at its default, so a default that changes changes
// what they mean: raise kHashFormat then and write the file anew. A new option needs neither.
TEST_F(SweepPlanTest, DefaultsAreThoseOfTheHashesFormat) {
  const Json now = to_json(TrainConfig{});
  const Json then = read_json_file(HGNN_MOE_SOURCE_DIR "/tests/sweep/defaults_of_hashes.json",
                                   ExitCode::internal);
  EXPECT_GT(then.size(), 40u);
  for (const auto& [option, value] : then.items()) {
    ASSERT_TRUE(now.contains(option)) << option;
    EXPECT_EQ(now.at(option), value) << option;
  }
}

// Pinned, because every finished row is found by it.
TEST_F(SweepPlanTest, AHashStaysWhatItIs) {
  EXPECT_EQ(plan("").rows.at(0).hash, "5a94350288cee35872f8efe84b40172a");
}

TEST_F(SweepPlanTest, EqualRunsAreOne) {
  const SweepPlan found = plan(
      R"("grid": {"num_experts": [2, 3]}, "points": [{"num_experts": 3}, {"num_experts": 4}])");
  EXPECT_EQ(found.rows.size(), 3u);
  EXPECT_EQ(found.repeated, 1);
}

TEST_F(SweepPlanTest, AReferenceIsTheSameRowWithoutTheRepeatedOnes) {
  const SweepPlan found = plan(R"("groups": [
      {"name": "first", "base": {"num_experts": 4}},
      {"name": "same", "base": {"num_experts": 4}},
      {"name": "plain", "base": {"coupler_type": "NONE", "num_experts": 1},
       "match_time": {"coupler_type": "HGNN", "num_experts": 3}},
      {"name": "reference", "base": {"coupler_type": "HGNN", "num_experts": 3}},
      {"name": "last", "base": {"num_experts": 5}}])");
  ASSERT_EQ(found.rows.size(), 4u);
  EXPECT_EQ(found.repeated, 1);
  ASSERT_EQ(found.rows[1].group, "plain");
  EXPECT_EQ(found.rows.at(found.rows[1].time_reference.value()).group, "reference");
}

TEST_F(SweepPlanTest, NamesOfFoldersTellWhatVaries) {
  const SweepPlan found = plan(R"("grid": {"learning_rate": [1e25, 1e-4], "shuffle": [true]})");
  EXPECT_EQ(found.rows[0].id.rfind("learning_rate-1e+25_seed-42_", 0), 0u) << found.rows[0].id;
  EXPECT_EQ(found.rows[1].id.rfind("learning_rate-0.0001_seed-42_", 0), 0u) << found.rows[1].id;
}

TEST_F(SweepPlanTest, NamesOfFoldersArePlainAndBounded) {
  const std::string long_name(300, 'x');
  const SweepPlan found = plan(R"("grid": {"init_from": ["a/b c", ")" + long_name + R"("]})");
  std::set<std::string> ids;
  for (const SweepRow& row : found.rows) {
    EXPECT_LT(row.id.size(), 255u);
    EXPECT_EQ(row.id.find_first_of("/ "), std::string::npos) << row.id;
    ids.insert(row.id);
  }
  EXPECT_EQ(ids.size(), 2u);
}

TEST_F(SweepPlanTest, SizesAreMatchedAndNoted) {
  const SweepPlan found = plan(R"("groups": [
      {"name": "reference", "base": {"coupler_type": "HGNN", "num_experts": 3}},
      {"name": "plain", "base": {"coupler_type": "NONE", "num_experts": 1},
       "match_parameters": {"coupler_type": "HGNN", "num_experts": 3}}])");
  ASSERT_EQ(found.rows.size(), 2u);
  const double reference = static_cast<double>(found.rows[0].forecast->parameters.total());
  const double matched = static_cast<double>(found.rows[1].forecast->parameters.total());
  EXPECT_NEAR(matched / reference, 1.0, 0.01);
  ASSERT_EQ(found.rows[1].notes.size(), 1u);
  EXPECT_TRUE(contains(found.rows[1].notes[0], "match_parameters: embed_dim "));
  EXPECT_EQ(found.rows[1].varied.at("embed_dim"), found.rows[1].config.embed_dim);
}

TEST_F(SweepPlanTest, AMatchedDepthIsTheRows) {
  const SweepPlan found = plan(R"("points": [{"num_heads": 64, "embed_dim": 64, "num_layers": 2}],
      "match_parameters": {"num_layers": 9})");
  EXPECT_EQ(found.rows.at(0).problem, "");
  EXPECT_EQ(found.rows.at(0).config.embed_dim, 64);
  EXPECT_EQ(found.rows.at(0).config.num_layers, 9);
}

TEST_F(SweepPlanTest, AMatchThatIsNotThereIsARow) {
  const SweepPlan found = plan(R"("grid": {"num_heads": [1000], "embed_dim": [1000]},
                                  "match_parameters": {"num_heads": 2, "embed_dim": 16})");
  ASSERT_EQ(found.rows.size(), 1u);
  EXPECT_EQ(found.rows[0].problem.rfind("match_parameters {\"embed_dim\":16,\"num_heads\":2}: no "
                                        "embed_dim and num_layers give",
                                        0),
            0u)
      << found.rows[0].problem;
}

// The sizes tell them apart where they are known.
TEST_F(SweepPlanTest, RowsOfDifferentReferencesAreNotOneWhereSizesAreNotKnown) {
  const std::string path = write(R"({"seeds": [1, 2], "groups": [
      {"name": "as 2", "base": {"coupler_type": "NONE"}, "match_parameters": {"num_experts": 2}},
      {"name": "as 4", "base": {"coupler_type": "NONE"}, "match_parameters": {"num_experts": 4}},
      {"name": "as 4 again", "base": {"coupler_type": "NONE"},
       "match_parameters": {"num_experts": 4}}]})");
  Forecaster forecaster;
  const SweepPlan found = make_sweep_plan(
      read_sweep_file(path), parse({"--sweep", path, "--data_dir", "nowhere"}), forecaster);
  EXPECT_EQ(found.rows.size(), 4u);
  EXPECT_EQ(found.repeated, 2);
  for (const SweepRow& row : found.rows) {
    EXPECT_EQ(row.problem_code, ExitCode::data);
    EXPECT_EQ(row.problem, found.rows[0].problem);
    EXPECT_TRUE(contains(row.problem, "no training data in")) << row.problem;
  }
}

TEST_F(SweepPlanTest, ASweepHasNoMoreRowsThanItMay) {
  const std::string message = message_of_error(ExitCode::usage, [&] {
    plan(R"("grid": {"threads": [1, 2], "learning_rate": [1, 2, 3]}, "points": [{"threads": 3}],
         "seeds": [)" +
         [] {
           std::string seeds = "0";
           for (int seed = 1; seed < 1429; ++seed) seeds += "," + std::to_string(seed);
           return seeds;
         }() +
         "]");
  });
  EXPECT_EQ(with_places(message),
            "FILE: it describes 10003 runs before its constraints, and a sweep has 10000 at most; "
            "give fewer values, or a file for each part");
}

TEST_F(SweepPlanTest, ARowOfEqualTimeKnowsItsReferenceOfTheSameSeed) {
  const SweepPlan found = plan(R"("seeds": [1, 2], "groups": [
      {"name": "plain", "base": {"coupler_type": "NONE", "num_experts": 1},
       "match_time": {"coupler_type": "HGNN", "num_experts": 3}},
      {"name": "reference", "base": {"coupler_type": "HGNN", "num_experts": 3}}])");
  ASSERT_EQ(found.rows.size(), 4u);
  for (const std::size_t row : {0u, 1u}) {
    ASSERT_TRUE(found.rows[row].time_reference.has_value());
    const SweepRow& reference = found.rows[*found.rows[row].time_reference];
    EXPECT_EQ(reference.group, "reference");
    EXPECT_EQ(reference.seed, found.rows[row].seed);
  }
  EXPECT_FALSE(found.rows[2].time_reference.has_value());
}

TEST_F(SweepPlanTest, ARowThatIsItsOwnTimeReferenceIsPlannedOnce) {
  const std::string group = R"({"name": "all", "grid": {"num_experts": [2, 3]},
      "match_time": {"num_experts": 3}})";
  const SweepPlan alone = plan(R"("groups": [)" + group + "]");
  ASSERT_EQ(alone.rows.size(), 2u);
  EXPECT_EQ(alone.rows[0].time_reference, 1u);
  EXPECT_FALSE(alone.rows[1].time_reference.has_value());
  const SweepPlan twice =
      plan(R"("groups": [{"name": "plain", "base": {"num_experts": 3}}, )" + group + "]");
  ASSERT_EQ(twice.rows.size(), 2u);
  EXPECT_EQ(twice.repeated, 1);
  EXPECT_EQ(twice.rows[1].time_reference, 0u);
}

TEST_F(SweepPlanTest, ATimeReferenceOutsideTheSweepIsAnError) {
  const std::string message = message_of_error(ExitCode::usage, [&] {
    plan(R"("grid": {"num_experts": [2]}, "match_time": {"num_experts": 3})");
  });
  EXPECT_EQ(with_places(message),
            "FILE: match_time: no row of the sweep has the settings {\"num_experts\":3} with seed "
            "42; add it");
}

TEST_F(SweepPlanTest, ChosenStepsNeedEpochsEnough) {
  Forecaster forecaster;
  SweepPlan found = plan("", {"--epochs", "1", "--num_train_samples", "80"});
  SweepRow& row = found.rows.at(0);
  const double flops = row.forecast->length->flops;
  set_steps(row, 25, forecaster);
  EXPECT_EQ(row.config.max_steps, 25);
  EXPECT_EQ(row.config.epochs, 3) << "of 10 steps each";
  EXPECT_EQ(row.forecast->length->steps, 25);
  EXPECT_GT(row.forecast->length->flops, 5 * flops);
  EXPECT_EQ(row.settings.at("max_steps").value, 25);
}

TEST_F(SweepPlanTest, MissingDataAreAProblemAndSizesAreKnownAllTheSame) {
  const std::string path = write(R"({"grid": {"num_experts": [2]}})");
  Forecaster forecaster;
  const ParsedConfig flags =
      parse({"--sweep", path, "--data_dir", "nowhere", "--vocab_size", "64"});
  const SweepPlan found = make_sweep_plan(read_sweep_file(path), flags, forecaster);
  EXPECT_TRUE(contains(found.rows.at(0).problem, "no training data in")) << found.rows[0].problem;
  EXPECT_EQ(found.rows.at(0).problem_code, ExitCode::data);
  EXPECT_GT(found.rows.at(0).forecast->parameters.total(), 0);
  EXPECT_FALSE(found.rows.at(0).forecast->length.has_value());
}

}  // namespace
}  // namespace hgnn_moe
