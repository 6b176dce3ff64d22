// hgt_embed compare as users run it: runs in child processes, kills, failures and the report.
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/hgt_train_fixture.h"

namespace hgnn_moe::e2e {
namespace {

class HgtCompareTest : public HgtRunTest {
 protected:
  // Of runs that take a fraction of a second each.
  static Flags flags(const std::string& what) {
    return tiny().with({{"compare", what}, {"run_name", "c"}, {"num_epochs", "6"}});
  }

  ProcessResult compare(const Flags& flags) const { return hgt("compare", "circle", flags); }

  Json report(const std::string& dir = "runs") const {
    return read_json(path(dir + "/c/compare.json"));
  }

  // Without what another run would measure differently.
  static Json repeatable(const Json& report) {
    Json figures = Json::array();
    for (const Json& run : report.at("runs")) {
      Json one = {{"variant", run.at("variant")}, {"seed", run.at("seed")}};
      one["verdict"] = run.at("verdict");
      for (const char* name : {"mrr", "hits_at_10", "macro_mrr", "auprc", "steps"}) {
        one[name] = run.at("figures").at(name);
      }
      figures.push_back(one);
    }
    for (const Json& difference : report.at("differences")) {
      figures.push_back(difference.at("figures").at("mrr"));
      figures.push_back(difference.at("figures").at("auprc"));
    }
    return figures;
  }

  // When each run's summary was written.
  std::vector<fs::file_time_type> times(const std::string& dir = "runs") const {
    const Json table = report(dir);
    std::vector<fs::file_time_type> times;
    for (const Json& run : table.at("runs")) {
      times.push_back(
          fs::last_write_time(path(run.at("folder").get<std::string>()) / "run_summary.json"));
    }
    return times;
  }

  template <typename Condition>
  static void wait_until(Process& process, Condition condition) {
    while (process.is_running() && !condition()) {
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  }
};

TEST_F(HgtCompareTest, KilledItGoesOnToTheSameTableAndThenRunsNothing) {
  const Flags messages =
      flags("messages").with({{"num_epochs", "12"}, {"relation", "step5"}, {"json", "out.json"}});
  const ProcessResult whole = compare(messages.with({{"checkpoint_dir", "twin"}}));
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  // In the first run, and in the fifth, after it has saved.
  for (const char* run : {"graph-seed-1", "shuffled-seed-2"}) {
    Process process(command("compare", "circle", messages), options());
    wait_until(process, [&] { return fs::exists(path("runs/c") / run / "checkpoints/latest"); });
    process.send(SIGKILL);
    ASSERT_EQ(process.wait().signal, SIGKILL);
  }
  EXPECT_FALSE(fs::exists(path("runs/c/compare.json")));
  const ProcessResult rest = compare(messages);
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_TRUE(contains(rest.err, "graph-seed-1 was already done")) << rest.err;
  EXPECT_EQ(repeatable(report()), repeatable(report("twin")));
  EXPECT_EQ(report().at("runs").size(), 9u);
  EXPECT_EQ(report(), read_json(path("out.json")));
  EXPECT_EQ(report().at("relation"), "(entity, step5, entity)");
  EXPECT_EQ(report().at("quality"), "auprc");

  const auto before = times();
  const ProcessResult again = compare(messages);
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(times(), before) << "nothing was run";
  EXPECT_EQ(again.out, rest.out);
  EXPECT_EQ(count_of(again.err, "was already done"), 9u) << again.err;
}

TEST_F(HgtCompareTest, TheReportIsWhatTheRunsHave) {
  const ProcessResult result = compare(flags("batch").with({{"seeds", "5,6"}}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json table = report();
  EXPECT_EQ(table.at("seeds"), Json::array({5, 6}));
  for (const Json& run : table.at("runs")) {
    const Json summary = read_json(path(run.at("folder").get<std::string>()) / "run_summary.json");
    EXPECT_EQ(run.at("figures").at("mrr"), summary.at("results").at("test").at("micro").at("mrr"));
    EXPECT_EQ(run.at("figures").at("peak_memory_bytes"), summary.at("peak_memory_bytes"));
    EXPECT_EQ(run.at("figures").at("steps"), run.at("variant") == "full" ? 6 : 18)
        << "120 triples in batches of 40, or in one";
  }
  for (const char* part : {"mini", "full", "test MRR", "peak memory", "Use "}) {
    EXPECT_TRUE(contains(result.out, part)) << part << '\n' << result.out;
  }
  const std::string curves = data::testing::read_bytes(path("runs/c/curves.csv"));
  EXPECT_EQ(curves.rfind("variant,seed,step,epoch,loss,seconds\nmini,5,1,0,", 0), 0u) << curves;
  EXPECT_EQ(count_of(curves, "\n"), 1u + 2 * (18 + 6));
  EXPECT_EQ(count_of(curves, "full,6,"), 6u);
}

TEST_F(HgtCompareTest, AFailedRunIsARowAndTheOthersGoOn) {
  // A checkpoint that cannot be read, and no other.
  fs::create_directories(path("runs/c/mini-seed-2/checkpoints/step-00000003"));
  data::testing::write_bytes(path("runs/c/mini-seed-2/checkpoints/step-00000003/state.json"), "{");
  const ProcessResult result = compare(flags("batch").with({{"seeds", "1,2"}}));
  EXPECT_EQ(result.exit_code, 13);
  EXPECT_TRUE(contains(result.err, "1 of 4 runs are not done")) << result.err;
  EXPECT_TRUE(contains(result.out, "not done: mini, seed 2: checkpoint: ")) << result.out;
  EXPECT_TRUE(contains(result.out, "Use full: mini is not done")) << result.out;
  const Json table = report();
  EXPECT_EQ(table.at("variants")[0].at("done"), 1);
  EXPECT_EQ(table.at("variants")[1].at("done"), 2);
  fs::remove_all(path("runs/c/mini-seed-2"));
  expect_success(compare(flags("batch").with({{"seeds", "1,2"}, {"quiet", ""}})));
  EXPECT_EQ(report().at("variants")[0].at("done"), 2) << "it was tried again";
}

TEST_F(HgtCompareTest, ASignalIsPassedOnAndTheNextCallGoesOn) {
  const Flags long_runs =
      flags("messages").with({{"num_epochs", "150"}, {"eval_every", "10"}, {"seeds", "1"}});
  Process process(command("compare", "circle", long_runs), options());
  wait_until(process, [&] { return fs::exists(path("runs/c/graph-seed-1/checkpoints/latest")); });
  process.send(SIGINT);
  const ProcessResult result = process.wait();
  EXPECT_EQ(result.exit_code, 128 + SIGINT) << result.err;
  EXPECT_EQ(summary("runs/c/graph-seed-1").at("status"), "stopped") << "after its checkpoint";
  const std::int64_t saved = summary("runs/c/graph-seed-1").at("steps");
  EXPECT_GT(saved, 0);
  EXPECT_FALSE(fs::exists(path("runs/c/shuffled-seed-1/config.json")));
  const ProcessResult rest = compare(long_runs);
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_EQ(summary("runs/c/graph-seed-1").at("status"), "done");
  EXPECT_TRUE(
      contains(data::testing::read_bytes(path("runs/c/graph-seed-1/output.log")), "resumed from"));
  EXPECT_TRUE(contains(rest.out, "give at least two --seeds")) << rest.out;
}

TEST_F(HgtCompareTest, RunsOfOtherOptionsAreRefusedUnlessOverwritten) {
  expect_success(compare(flags("batch").with({{"seeds", "1,2"}, {"quiet", ""}})));
  const auto before = times();
  const Flags other = flags("batch").with({{"seeds", "1,2"}, {"hidden_dim", "32"}, {"quiet", ""}});
  const ProcessResult refused = compare(other);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(contains(refused.err,
                       "full-seed-2' holds a run with other options (hidden_dim: 16 "
                       "there, 32 now); give another --run_name, or --overwrite"))
      << refused.err;
  EXPECT_EQ(times(), before);
  // Another graph under the same path is another graph.
  data::testing::write_bytes(path("circle/test.txt"), "e1\tstep1\te2\n");
  const ProcessResult changed = compare(flags("batch").with({{"seeds", "1,2"}}));
  EXPECT_EQ(changed.exit_code, 2);
  EXPECT_TRUE(contains(changed.err, "the graph holds something else now")) << changed.err;
  write_graph();
  expect_success(compare(other.with({{"overwrite", ""}})));
  EXPECT_NE(times(), before);
}

TEST_F(HgtCompareTest, FeaturesAreToldByTheirNumbers) {
  const auto write_features = [&](const char* name, double factor) {
    std::string text = "node_id,node_type,emb_0,emb_1\n";
    for (int i = 0; i < kEntities; ++i) {
      text +=
          fmt::format("e{},entity,{},{}\n", i, factor * ((i * 7) % 11), factor * ((i * 5) % 13));
    }
    data::testing::write_bytes(path(name), text);
  };
  write_features("f.csv", 0.1);
  const auto with = [&](const char* file) {
    return compare(flags("messages")
                       .with({{"seeds", "1"},
                              {"variants", "graph,none"},
                              {"node_features", "given"},
                              {"features", file}}));
  };
  expect_success(with("f.csv"));
  const auto before = times();
  fs::rename(path("f.csv"), path("g.csv"));
  expect_success(with("g.csv"));
  EXPECT_EQ(times(), before) << "the same numbers from another place";
  write_features("g.csv", 0.2);
  const ProcessResult changed = with("g.csv");
  EXPECT_EQ(changed.exit_code, 2);
  EXPECT_TRUE(contains(changed.err, "the features have other numbers now")) << changed.err;
}

TEST_F(HgtCompareTest, AReportOfFewerRunsSaysWhatItLeavesOut) {
  expect_success(compare(flags("batch").with({{"seeds", "1,2"}})));
  const ProcessResult fewer = compare(flags("batch").with({{"seeds", "2"}, {"quiet", ""}}));
  EXPECT_EQ(fewer.exit_code, 0) << fewer.err;
  EXPECT_TRUE(contains(fewer.err,
                       "had 2 runs that this comparison leaves out: mini-seed-1, "
                       "full-seed-1"))
      << fewer.err;
  const ProcessResult all = compare(flags("batch").with({{"seeds", "1,2"}, {"quiet", ""}}));
  EXPECT_EQ(all.err, "") << "more than before replace nothing";
  EXPECT_EQ(report().at("runs").size(), 4u);
  data::testing::write_bytes(path("runs/c/compare.json"), "{\"runs\": 3}");
  const ProcessResult damaged = compare(flags("batch").with({{"seeds", "1,2"}, {"quiet", ""}}));
  EXPECT_EQ(damaged.exit_code, 0) << damaged.err;
  EXPECT_TRUE(contains(damaged.err, "cannot be read and is replaced")) << damaged.err;
  EXPECT_EQ(report().at("runs").size(), 4u);
}

TEST_F(HgtCompareTest, ARelationThatIsNotHeldOutCannotDecide) {
  const Flags held =
      flags("messages")
          .with({{"split", "pairs"}, {"split_relations", "step5"}, {"relation", "step1"}});
  const ProcessResult result = compare(held);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_TRUE(contains(result.err, "relation 'step1' is not among split_relations step5"))
      << result.err;
  EXPECT_FALSE(fs::exists(path("runs")));
  expect_success(compare(held.with({{"relation", "step5"}, {"dry_run", ""}})));
}

TEST_F(HgtCompareTest, WhatEveryRunWouldRefuseIsRefusedBeforeTheFirst) {
  const Flags some = flags("messages").with({{"split", "pairs"}, {"train_relations", "step5"}});
  const ProcessResult untrained =
      compare(some.with({{"split_relations", "step1,step5"}, {"relation", "step1"}}));
  EXPECT_EQ(untrained.exit_code, 2);
  EXPECT_TRUE(contains(untrained.err, "relation 'step1' is not among train_relations step5"))
      << untrained.err;
  const ProcessResult relation = compare(some.with({{"train_relations", "step5,stop1"}}));
  EXPECT_EQ(relation.exit_code, 2);
  EXPECT_TRUE(contains(relation.err, "train_relations: ")) << relation.err;
  const ProcessResult type = compare(some.with({{"inductive_types", "drug"}}));
  EXPECT_EQ(type.exit_code, 2);
  EXPECT_TRUE(contains(type.err, "inductive_types: ")) << type.err;
  EXPECT_FALSE(fs::exists(path("runs")));
}

TEST_F(HgtCompareTest, ADryRunPrintsTheRunsAndTouchesNothing) {
  const ProcessResult result = compare(flags("features").with({{"dry_run", ""}, {"seeds", "3"}}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json record = Json::parse(result.out);
  ASSERT_EQ(record.at("runs").size(), 3u);
  EXPECT_EQ(record.at("runs")[1].at("options").at("node_features"), "random");
  EXPECT_EQ(record.at("runs")[1].at("state"), "absent");
  EXPECT_EQ(record.at("runs")[1].at("folder"), "runs/c/random-seed-3");
  EXPECT_FALSE(fs::exists(path("runs")));
}

TEST_F(HgtCompareTest, WithoutAGpuDevicesAreNotCompared) {
  ProcessOptions without_gpu = options();
  without_gpu.environment["CUDA_VISIBLE_DEVICES"] = "-1";
  const ProcessResult result =
      run_process(command("compare", "circle", flags("device").without("device")), without_gpu);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(count_of(result.err, "\n"), 1u) << result.err;
  EXPECT_TRUE(contains(result.err, "compare is device, which needs a GPU")) << result.err;
  EXPECT_FALSE(fs::exists(path("runs")));
}

TEST_F(HgtCompareTest, AnUnknownRelationIsToldBeforeAnythingRuns) {
  const ProcessResult result = compare(flags("messages").with({{"relation", "step4"}}));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_TRUE(contains(result.err, "the graph has no relation 'step4'")) << result.err;
  const ProcessResult reverse = compare(flags("messages").with({{"relation", "step1_reverse"}}));
  EXPECT_EQ(reverse.exit_code, 2);
  EXPECT_TRUE(contains(reverse.err, "is the reverse of (entity, step1, entity); give that one"))
      << reverse.err;
  EXPECT_FALSE(fs::exists(path("runs")));
}

}  // namespace
}  // namespace hgnn_moe::e2e
