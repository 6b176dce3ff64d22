#include "hgnn_moe/train/checkpoint_folder.h"

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

void put_checkpoints(const fs::path& run, const std::vector<std::int64_t>& steps) {
  for (const std::int64_t step : steps) {
    const fs::path folder = checkpoints_folder(run) / checkpoint_name(step);
    fs::create_directories(folder);
    put_file(folder / "state.json", std::to_string(step));
  }
}

std::vector<std::int64_t> steps_of(const fs::path& run) {
  std::vector<std::int64_t> steps;
  for (const CheckpointEntry& entry : list_checkpoints(run)) {
    steps.push_back(entry.step);
  }
  return steps;
}

std::int64_t pointed_step(const fs::path& run, CheckpointPointer pointer) {
  const auto entry = read_pointer(run, pointer);
  return entry ? entry->step : -1;
}

TEST(CheckpointFolder, NamesAndStepsAreOneToOne) {
  EXPECT_EQ(checkpoint_name(20), "step-00000020");
  EXPECT_EQ(checkpoint_name(1234567890), "step-1234567890");
  EXPECT_EQ(checkpoint_step("step-00000020"), 20);
  EXPECT_EQ(checkpoint_step("step-1234567890"), 1234567890);
  for (const char* name : {"", "step-", "step-20", "step-00000020x", "step--0000020",
                           ".tmp-step-00000020", "step-0000000020", "best"}) {
    EXPECT_FALSE(checkpoint_step(name).has_value()) << name;
  }
}

TEST(CheckpointFolder, ListsByStepAndIgnoresOtherNames) {
  const TemporaryFolder run;
  EXPECT_TRUE(list_checkpoints(run.path()).empty());
  put_checkpoints(run.path(), {100, 20, 3});
  fs::create_directories(checkpoints_folder(run.path()) / ".tmp-step-00000040");
  fs::create_directories(checkpoints_folder(run.path()) / "mine");
  EXPECT_EQ(steps_of(run.path()), (std::vector<std::int64_t>{3, 20, 100}));
}

TEST(CheckpointFolder, PointersAreOneLineFiles) {
  const TemporaryFolder run;
  put_checkpoints(run.path(), {20});
  EXPECT_FALSE(read_pointer(run.path(), CheckpointPointer::latest).has_value());
  write_pointer(run.path(), CheckpointPointer::latest, 20);
  EXPECT_EQ(read_text_file(checkpoints_folder(run.path()) / "latest", ExitCode::internal),
            "step-00000020\n");
  EXPECT_EQ(pointed_step(run.path(), CheckpointPointer::latest), 20);
  write_pointer(run.path(), CheckpointPointer::best, 40);
  EXPECT_FALSE(read_pointer(run.path(), CheckpointPointer::best).has_value()) << "40 is missing";
  put_file(checkpoints_folder(run.path()) / "best", "../../elsewhere\n");
  EXPECT_FALSE(read_pointer(run.path(), CheckpointPointer::best).has_value());
}

TEST(CheckpointFolder, TheBestOneBeforeAStepIsTheNewestWhereThereIsNone) {
  const TemporaryFolder run;
  const auto step_before = [&](std::int64_t step) {
    const auto found = best_checkpoint_before(run.path(), step);
    return found ? found->step : -1;
  };
  EXPECT_EQ(step_before(100), -1);
  put_checkpoints(run.path(), {20, 40, 60});
  EXPECT_EQ(step_before(20), -1);
  EXPECT_EQ(step_before(60), 40);
  EXPECT_EQ(step_before(61), 60);
  write_pointer(run.path(), CheckpointPointer::best, 40);
  EXPECT_EQ(step_before(61), 40);
  EXPECT_EQ(step_before(40), 20);
  write_pointer(run.path(), CheckpointPointer::best, 50);  // is gone
  EXPECT_EQ(step_before(61), 60);
}

TEST(CheckpointFolder, APathThatIsAPointerIsFollowed) {
  const TemporaryFolder run;
  put_checkpoints(run.path(), {20});
  const fs::path folder = checkpoints_folder(run.path());
  write_pointer(run.path(), CheckpointPointer::best, 20);
  EXPECT_EQ(follow_pointer(folder / "best"), folder / "step-00000020");
  for (const fs::path& other : {folder / "latest", folder / "step-00000020", run.path() / "best"}) {
    EXPECT_EQ(follow_pointer(other), other) << "no pointer of a run";
  }
  write_pointer(run.path(), CheckpointPointer::best, 50);
  const std::string message =
      message_of_error(ExitCode::checkpoint, [&] { follow_pointer(folder / "best"); });
  for (const char* part :
       {"best' names the checkpoint step-00000050, which is missing", "step-00000020'"}) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST(CheckpointFolder, AStagingFolderIsHiddenUntilPublished) {
  const TemporaryFolder run;
  const fs::path staging = create_staging_folder(run.path(), 20);
  put_file(staging / "state.json", "new");
  EXPECT_TRUE(list_checkpoints(run.path()).empty());
  const fs::path published = publish_staging_folder(staging, 20);
  EXPECT_EQ(published, checkpoints_folder(run.path()) / "step-00000020");
  EXPECT_FALSE(fs::exists(staging));
  EXPECT_EQ(names_in(published), Names{"state.json"});
}

TEST(CheckpointFolder, PublishingReplacesTheSameStep) {
  const TemporaryFolder run;
  put_checkpoints(run.path(), {20});
  put_file(checkpoints_folder(run.path()) / "step-00000020" / "old", "x");
  const fs::path staging = create_staging_folder(run.path(), 20);
  put_file(staging / "new", "x");
  EXPECT_EQ(names_in(publish_staging_folder(staging, 20)), Names{"new"});
  EXPECT_EQ(names_in(checkpoints_folder(run.path())), Names{"step-00000020"});
}

TEST(CheckpointFolder, AStagingFolderStartsEmpty) {
  const TemporaryFolder run;
  put_file(create_staging_folder(run.path(), 20) / "half", "x");
  EXPECT_TRUE(names_in(create_staging_folder(run.path(), 20)).empty());
}

TEST(CheckpointFolder, LeftoversGoAndTheRestStays) {
  const TemporaryFolder run;
  EXPECT_NO_THROW(remove_leftovers(run.path()));
  put_checkpoints(run.path(), {20});
  write_pointer(run.path(), CheckpointPointer::latest, 20);
  const fs::path folder = checkpoints_folder(run.path());
  fs::create_directories(folder / ".tmp-step-00000040");
  fs::create_directories(folder / ".tmp-removed-step-00000010");
  put_file(folder / "latest.77.tmp", "st");
  put_file(folder / "best.77.tmp", "st");
  put_file(folder / "latest.txt", "the user's");
  remove_leftovers(run.path());
  EXPECT_EQ(names_in(folder), (Names{"latest", "latest.txt", "step-00000020"}));
}

TEST(CheckpointFolder, PruningKeepsTheNewestBesideTheBest) {
  const TemporaryFolder run;
  put_checkpoints(run.path(), {10, 20, 30, 40, 50});
  write_pointer(run.path(), CheckpointPointer::best, 20);
  prune_checkpoints(run.path(), 2);
  EXPECT_EQ(steps_of(run.path()), (std::vector<std::int64_t>{20, 40, 50}));
}

TEST(CheckpointFolder, PruningCountsTheBestApartEvenWhenItIsTheNewest) {
  const TemporaryFolder run;
  put_checkpoints(run.path(), {10, 20, 30, 40});
  write_pointer(run.path(), CheckpointPointer::best, 40);
  prune_checkpoints(run.path(), 2);
  EXPECT_EQ(steps_of(run.path()), (std::vector<std::int64_t>{20, 30, 40}));
  prune_checkpoints(run.path(), 0);
  EXPECT_EQ(steps_of(run.path()), std::vector<std::int64_t>{40});
}

TEST(CheckpointFolder, PruningNeverRemovesTheNewest) {
  const TemporaryFolder run;
  put_checkpoints(run.path(), {10, 20});
  prune_checkpoints(run.path(), 0);
  EXPECT_EQ(steps_of(run.path()), std::vector<std::int64_t>{20});
  EXPECT_EQ(names_in(checkpoints_folder(run.path())), Names{"step-00000020"});
}

TEST(CheckpointFolder, RewindingRemovesLaterOnesAndMovesThePointersBack) {
  const TemporaryFolder run;
  put_checkpoints(run.path(), {10, 20, 30, 40});
  write_pointer(run.path(), CheckpointPointer::latest, 40);
  write_pointer(run.path(), CheckpointPointer::best, 40);
  remove_checkpoints_after(run.path(), 20, 10);
  EXPECT_EQ(steps_of(run.path()), (std::vector<std::int64_t>{10, 20}));
  EXPECT_EQ(pointed_step(run.path(), CheckpointPointer::latest), 20);
  EXPECT_EQ(pointed_step(run.path(), CheckpointPointer::best), 10);
}

TEST(CheckpointFolder, RewindingToAStartOrAPrunedBestLeavesNoDanglingPointer) {
  const TemporaryFolder run;
  EXPECT_NO_THROW(remove_checkpoints_after(run.path(), 0, 0));
  put_checkpoints(run.path(), {20, 30});
  write_pointer(run.path(), CheckpointPointer::latest, 30);
  write_pointer(run.path(), CheckpointPointer::best, 30);
  remove_checkpoints_after(run.path(), 20, 10);
  EXPECT_EQ(names_in(checkpoints_folder(run.path())), (Names{"latest", "step-00000020"}));
  remove_checkpoints_after(run.path(), 0, 0);
  EXPECT_EQ(names_in(checkpoints_folder(run.path())), Names{});
}

}  // namespace
}  // namespace hgnn_moe
