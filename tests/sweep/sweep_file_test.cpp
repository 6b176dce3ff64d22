#include "tests/sweep/sweep_support.h"

namespace hgnn_moe {
namespace {

TEST_F(SweepFileTest, EveryPartIsRead) {
  const SweepFile file = read(R"({
      "description": "words", "base": {"embed_dim": 64},
      "grid": {"num_experts": [2, 4], "coupler_type": ["GNN", "HGNN"]},
      "zip": [{"num_layers": [1, 2], "learning_rate": [0.1, 0.2]}, {"batch_size": [8, 16]}],
      "points": [{"name": "plain", "coupler_type": "NONE"}],
      "seeds": [1, 2],
      "constraints": [{"if": {"coupler_type": "HGNN"}, "then": {"num_experts": {"min": 3}}}],
      "match_parameters": {"coupler_type": "HGNN"}, "match_time": {"coupler_type": "GNN"},
      "questions": [{"title": "why?", "factor": "num_experts", "baseline": null}],
      "expected": [{"where": {"num_experts": 2}, "eval_loss": [1, 2], "source": "a friend"}]})");
  EXPECT_EQ(file.description, "words");
  ASSERT_EQ(file.groups.size(), 1u);
  const SweepGroup& group = file.groups[0];
  EXPECT_EQ(group.name, "");
  EXPECT_EQ(group.base.at("embed_dim").value, 64);
  ASSERT_EQ(group.axes.size(), 4u) << "two of the grid, two zips";
  EXPECT_EQ(group.axes[2].size(), 2u);
  EXPECT_EQ(group.axes[2][1].at("learning_rate").value, 0.2);
  EXPECT_EQ(group.points[0].name, "plain");
  EXPECT_EQ(group.seeds, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(describe(group.constraints[0].then), "num_experts is at least 3");
  EXPECT_EQ(group.match_parameters->at("coupler_type").value, "HGNN");
  EXPECT_EQ(group.match_time->at("coupler_type").value, "GNN");
  EXPECT_EQ(file.questions[0].at("title"), "why?");
  EXPECT_EQ(file.expected[0].at("source"), "a friend");
}

TEST_F(SweepFileTest, QuestionsMayAskForGroupsAndNames) {
  const SweepFile file = read(R"({
      "questions": [{"title": "?", "factor": ["group", "name"], "baseline": {"group": "a"},
                     "where": {"group": ["a", "b"], "num_experts": 2}}],
      "expected": [{"where": {"name": "x"}, "eval_loss": 1, "source": "a friend"}]})");
  EXPECT_EQ(file.questions[0].at("where").size(), 2u) << "kept as it is, for the report";
}

TEST_F(SweepFileTest, ABaseIsLaidOverFromLeftToRight) {
  put_file(folder() / "run.json", R"({"embed_dim": 32, "num_layers": 2, "run_name": "its own",
                                      "checkpoint_dir": "elsewhere"})");
  const SweepFile file = read(R"({"base": ["run.json", {"num_layers": 3}, {"num_layers": 4}]})");
  const Settings& base = file.groups[0].base;
  EXPECT_EQ(base.at("embed_dim").value, 32) << "relative to the sweep file";
  EXPECT_EQ(base.at("num_layers").value, 4);
  EXPECT_EQ(base.count("run_name") + base.count("checkpoint_dir"), 0u);
}

TEST_F(SweepFileTest, ADumpedConfigurationIsABase) {
  put_file(folder() / "run.json", to_json(parse({"--embed_dim", "96"}).config).dump());
  EXPECT_EQ(read(R"({"base": "run.json"})").groups[0].base.at("embed_dim").value, 96);
}

TEST_F(SweepFileTest, GroupsShareBaseConstraintsAndSeeds) {
  const SweepFile file = read(R"({
      "base": {"embed_dim": 64, "num_layers": 1}, "seeds": [7],
      "constraints": [{"if": {}, "then": {"num_experts": 2}}],
      "groups": [
        {"name": "a", "base": {"num_layers": 2}},
        {"name": "b", "seeds": [8], "constraints": [{"if": {}, "then": {"num_experts": 3}}]}]})");
  ASSERT_EQ(file.groups.size(), 2u);
  EXPECT_EQ(file.groups[0].name, "a");
  EXPECT_EQ(file.groups[0].base.at("embed_dim").value, 64);
  EXPECT_EQ(file.groups[0].base.at("num_layers").value, 2);
  EXPECT_EQ(file.groups[0].seeds, std::vector<std::int64_t>{7});
  EXPECT_EQ(file.groups[0].constraints.size(), 1u);
  EXPECT_EQ(file.groups[1].seeds, std::vector<std::int64_t>{8});
  EXPECT_EQ(file.groups[1].constraints.size(), 2u);
}

TEST_F(SweepFileTest, AllMistakesAreToldAtOnce) {
  EXPECT_EQ(errors_of_file(R"({"gird": {}, "base": {"embed_dims": 1}, "grid": {"embed_dim": [0]},
                               "seeds": [-1]})"),
            "FILE: there is no key \"gird\"; did you mean grid?\n"
            "FILE: base: there is no key \"embed_dims\"; did you mean embed_dim?\n"
            "FILE: grid: embed_dim is 0; give a whole number: 1 to 65536\n"
            "FILE: seeds: seed is -1; give a whole number: at least 0");
}

struct Mistake {
  const char* content;
  const char* message;
};

TEST_F(SweepFileTest, EachMistakeHasItsSentence) {
  const Mistake mistakes[] = {
      {"[]", "FILE: it holds a JSON array; write one object"},
      {R"({"xyz": 1})",
       "FILE: there is no key \"xyz\"; there are description, base, constraints, seeds, groups, "
       "questions, expected, grid, zip, points, match_parameters, match_time"},
      {R"({"description": 1})", "FILE: description: it holds a JSON number; write text"},
      {R"({"base": 1})",
       "FILE: base: it holds a JSON number; write the path of a configuration, an object of "
       "options, or a list of both"},
      {R"({"base": {"run_name": "x"}})",
       "FILE: base: run_name is not for the runs of a sweep; drop it"},
      {R"({"grid": []})",
       "FILE: grid: it holds a JSON array; write an object of options and lists of values"},
      {R"({"grid": {"embed_dim": 64}})",
       "FILE: grid.embed_dim: it holds a JSON number; write a list of values"},
      {R"({"grid": {"embed_dim": []}})",
       "FILE: grid.embed_dim: it holds an empty list; write a list of values"},
      {R"({"grid": {"embed_dim": [64, 32, 64]}})",
       "FILE: grid.embed_dim: 64 stands there twice; drop one"},
      {R"({"grid": {"seed": [1, 2]}})", "FILE: grid: seed is varied by seeds; move it there"},
      {R"({"grid": {"run_name": ["a", "b"]}})",
       "FILE: grid: run_name is not for the runs of a sweep; drop it"},
      {R"({"zip": {"num_expert": [2, 3], "num_layers": [1, 2]}})",
       "FILE: zip: there is no key \"num_expert\"; did you mean num_experts?"},
      {R"({"base": "nope.json"})",
       "FILE: base: there is no file FOLDER/nope.json; give the path of a configuration, relative "
       "to the sweep file"},
      {R"({"groups": [{"name": "a", "base": ["."]}]})",
       "FILE: groups[0].base: there is no file FOLDER/.; give the path of a configuration, "
       "relative "
       "to the sweep file"},
      {R"({"grid": {"overwrite": [true]}})",
       "FILE: grid: overwrite is not for the runs of a sweep; drop it"},
      {R"({"zip": {"embed_dim": [64, 32], "num_layers": [1]}})",
       "FILE: zip.num_layers: it has 1 values and the options before it have 2; lists of a zip go "
       "side by side, so make them equally long"},
      {R"({"zip": [1]})",
       "FILE: zip[0]: it holds a JSON number; write an object of options and lists of values"},
      {R"({"grid": {"embed_dim": [64]}, "zip": {"embed_dim": [32]}})",
       "FILE: zip: embed_dim is varied in two places; keep one of them"},
      {R"({"points": {}})",
       "FILE: points: it holds a JSON object; write a list of objects of options"},
      {R"({"points": [1]})", "FILE: points[0]: it holds a JSON number; write an object of options"},
      {R"({"points": [{"name": 1}]})", "FILE: points[0].name: it holds a JSON number; write text"},
      {R"({"points": [{"embed_dim": "x"}]})",
       "FILE: points[0]: embed_dim is \"x\"; give a whole number: 1 to 65536"},
      {R"({"seeds": 1})", "FILE: seeds: it holds a JSON number; write a list of seeds"},
      {R"({"seeds": [1, 1]})", "FILE: seeds: 1 stands there twice; drop one"},
      {R"({"constraints": [{"if": {}}]})",
       "FILE: constraints[0]: it has no \"then\"; give both sides"},
      {R"({"constraints": [{"if": {"coupler_type": "gnn"}, "then": {}}]})",
       "FILE: constraints[0].if.coupler_type is \"gnn\"; give one of GNN, HGNN, MEAN, NONE"},
      {R"({"groups": []})", "FILE: groups: it holds an empty list; write a list of groups"},
      {R"({"groups": [{}]})", "FILE: groups[0]: it has no name; give name"},
      {R"({"groups": [{"name": "a"}, {"name": "a"}]})",
       "FILE: groups[1]: an earlier group has the name a, too; rename one"},
      {R"({"groups": [{"name": "a", "questions": []}]})",
       "FILE: groups[0]: there is no key \"questions\"; there are name, base, constraints, seeds, "
       "grid, zip, points, match_parameters, match_time"},
      {R"({"grid": {"embed_dim": [64]}, "groups": [{"name": "a"}]})",
       "FILE: grid: it stands beside groups; put it into them"},
      {R"({"match_parameters": 1})",
       "FILE: match_parameters: it holds a JSON number; write an object of options"},
      {R"({"questions": [{"factor": "num_experts"}]})",
       "FILE: questions[0]: it has no title; give the question"},
      {R"({"questions": [{"title": "?"}]})",
       "FILE: questions[0]: it has no factor; give the option, or the options, that it compares"},
      {R"({"questions": [{"title": "?", "factor": ["nr"]}]})",
       "FILE: questions[0].factor: there is no option \"nr\"; --help lists all of them"},
      {R"({"questions": [{"title": "?", "factor": []}]})",
       "FILE: questions[0].factor: it names no option; give at least one"},
      {R"({"questions": [{"title": "?", "factor": ["seed", "num_experts"], "baseline": 3}]})",
       "FILE: questions[0].factor: seed is no factor, because every figure is over seeds; name "
       "options\n"
       "FILE: questions[0].baseline: it holds a JSON number; write an object of options and "
       "conditions"},
      {R"({"questions": [{"title": "?", "factor": "num_experts", "baseline": {"gnn_layers": 2}}]})",
       "FILE: questions[0].baseline: gnn_layers is not of the factor (num_experts); add it there, "
       "or "
       "move it to where"},
      {R"({"questions": [{"title": "?", "factor": "num_experts", "baseline": {}}]})",
       "FILE: questions[0].baseline: it is empty; give values of the factor, or null for none"},
      {R"({"questions": [{"title": "?", "factor": "num_experts"},
                         {"title": "?", "factor": "num_layers"}]})",
       "FILE: questions[1]: an earlier question has the title \"?\", too; rename one"},
      {R"({"questions": [{"title": "?", "factor": "num_experts",
                          "where": {"num_experts": {"min": 5, "max": 2}}}]})",
       "FILE: questions[0].where.num_experts: min 5 is above max 2, so that nothing meets it; "
       "correct them"},
      {R"({"questions": [{"title": "?", "factor": "grp", "where": {"group": 3, "name": []}}]})",
       "FILE: questions[0].factor: there is no option \"grp\"; --help lists all of them\n"
       "FILE: questions[0].where.group: it holds a JSON number; write text\n"
       "FILE: questions[0].where.name: no value is in an empty list"},
      {R"({"expected": [{"source": "x"}]})",
       "FILE: expected[0]: it has no eval_loss; give a number or [low, high]"},
      {R"({"expected": [{"source": "x", "eval_loss": [2, 1]}]})",
       "FILE: expected[0].eval_loss is [2,1]; give a number or [low, high]"},
      {R"({"expected": [{"source": "x", "eval_loss": 1, "minutes": "2"}]})",
       "FILE: expected[0].minutes is \"2\"; give a number above 0"},
      {R"({"expected": [{"source": "x", "eval_loss": 1, "minutes": -1}]})",
       "FILE: expected[0].minutes is -1; give a number above 0"},
      {R"({"expected": [{"eval_loss": 1}]})",
       "FILE: expected[0]: it has no source; say who expects it"},
  };
  for (const Mistake& mistake : mistakes) {
    EXPECT_EQ(errors_of_file(mistake.content), mistake.message) << mistake.content;
  }
}

TEST_F(SweepFileTest, WhatABaseFileHasWrongIsSaidWithItsName) {
  put_file(folder() / "run.json", R"({"eval_only": true, "embed_dim": "x"})");
  const std::string errors = errors_of_file(R"({"base": "run.json"})");
  EXPECT_TRUE(contains(errors, "run.json: embed_dim is \"x\"; give")) << errors;
  EXPECT_TRUE(contains(errors, "run.json: eval_only is not for the runs of a sweep")) << errors;
  EXPECT_TRUE(contains(errors_of_file(R"({"base": "none.json"})"), "none.json")) << errors;
}

TEST_F(SweepFileTest, AFileThatCannotBeReadSaysWhere) {
  EXPECT_TRUE(contains(errors_of_file("{,}"), "FILE, line 1, column 2")) << errors_of_file("{,}");
  const std::string missing = message_of_error(
      ExitCode::usage, [&] { read_sweep_file((folder() / "none.json").string()); });
  EXPECT_TRUE(contains(missing, "none.json")) << missing;
}

// All that come with the program, so that none is found broken by its user.
TEST_F(SweepFileTest, TheFilesOfTheRepositoryAreRight) {
  const std::filesystem::path sweeps = HGNN_MOE_SOURCE_DIR "/configs/sweeps";
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(sweeps)) {
    const SweepFile file = read_sweep_file(entry.path().string());
    EXPECT_NE(file.description, "") << entry.path();
    EXPECT_FALSE(file.questions.empty()) << entry.path();
    ParsedConfig flags =
        parse({"--sweep", entry.path().string(), "--vocab_size", "4096", "--data_dir", "nowhere"});
    if (entry.path().stem() == "smoke") flags = parse({"--sweep", entry.path().string()});
    Forecaster forecaster;
    const SweepPlan plan = make_sweep_plan(file, flags, forecaster);
    for (const SweepRow& row : plan.rows) {
      if (row.problem_code == ExitCode::data) continue;
      EXPECT_EQ(row.problem, "") << entry.path() << ": " << row.id;
    }
    EXPECT_EQ(join(plan.warnings, "\n"), "") << entry.path();
    ++files;
  }
  EXPECT_GE(files, 10u);
}

TEST_F(SweepFileTest, AxesWithoutOptionsAreMistakes) {
  for (const std::string key : {"grid", "zip"}) {
    EXPECT_EQ(errors_of_file("{\"" + key + "\": {}}"),
              "FILE: " + key + ": it names no option; give one, or drop it");
  }
  EXPECT_EQ(errors_of_file(R"({"zip": [{"num_experts": [2]}, {}]})"),
            "FILE: zip[1]: it names no option; give one, or drop it");
  EXPECT_TRUE(contains(errors_of_file(R"({"zip": []})"), "FILE: zip: it holds a JSON array"));
}

}  // namespace
}  // namespace hgnn_moe
