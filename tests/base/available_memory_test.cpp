#include "hgnn_moe/base/available_memory.h"

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

namespace fs = std::filesystem;

// A made-up /proc and /sys.
class AvailableMemoryTest : public ::testing::Test {
 protected:
  void write(const fs::path& name, const std::string& content) const {
    const fs::path path = root_.path() / name;
    fs::create_directories(path.parent_path());
    put_file(path, content);
  }

  void write_meminfo(std::int64_t kib) const {
    write("proc/meminfo", "MemTotal:       16000 kB\nMemFree:           10 kB\nMemAvailable:   " +
                              std::to_string(kib) + " kB\nBuffers:          5 kB\n");
  }

  // Of cgroups' second version.
  void write_group(const std::string& path, const std::string& limit, std::int64_t used,
                   std::int64_t cache) const {
    const fs::path folder = "sys/fs/cgroup/" + path;
    write(folder / "memory.max", limit + "\n");
    write(folder / "memory.current", std::to_string(used) + "\n");
    write(folder / "memory.stat",
          "anon 7\nactive_file 3\ninactive_file " + std::to_string(cache) + "\nfile 9\n");
  }

  std::optional<std::int64_t> left() const { return available_memory(root_.path()); }

  const TemporaryFolder root_;
};

TEST_F(AvailableMemoryTest, NothingIsKnownWhereNoFileTells) {
  EXPECT_EQ(left(), std::nullopt);
  write("proc/meminfo", "MemTotal: 16000 kB\n");
  write("proc/self/cgroup", "what is this\n0::/a\n");
  EXPECT_EQ(left(), std::nullopt);
}

TEST_F(AvailableMemoryTest, IsTheMachinesWhereNoLimitIsLower) {
  write_meminfo(5000);
  EXPECT_EQ(left(), 5000 * 1024);
  write("proc/self/cgroup", "0::/a/b\n");
  write_group("a/b", "max", 100, 0);
  write_group("a", "99999999", 100, 0);
  EXPECT_EQ(left(), 5000 * 1024);
}

TEST_F(AvailableMemoryTest, IsWhatTheTightestGroupLeaves) {
  write_meminfo(5000);
  write("proc/self/cgroup", "0::/a/b\n");
  write_group("a/b", "30000", 10000, 4000);
  EXPECT_EQ(left(), 24000) << "cache can be dropped";
  write_group("a", "50000", 40000, 0);
  EXPECT_EQ(left(), 10000) << "of the group around it";
  write_group("", "9000", 2000, 0);
  EXPECT_EQ(left(), 7000) << "of the topmost";
  write_group("a", "50000", 50001, 0);
  EXPECT_EQ(left(), 0);
  write_group("other", "1", 1, 0);
  EXPECT_EQ(left(), 0);
}

TEST_F(AvailableMemoryTest, AContainersGroupIsTheTopmostItSees) {
  write("proc/self/cgroup", "0::/../machine/unseen\n");
  write_group("", "9000", 2000, 500);
  EXPECT_EQ(left(), 7500);
}

TEST_F(AvailableMemoryTest, TheFirstVersionOfCgroupsIsRead) {
  write("proc/self/cgroup", "5:cpu:/other\n4:memory:/a\n0::/\n");
  const fs::path folder = "sys/fs/cgroup/memory/a";
  write(folder / "memory.limit_in_bytes", "9000\n");
  write(folder / "memory.usage_in_bytes", "2000\n");
  write(folder / "memory.stat", "inactive_file 1\ntotal_inactive_file 300\n");
  EXPECT_EQ(left(), 7300);
  // No limit, and a statistic from before files were removed.
  write(folder / "memory.limit_in_bytes", "9223372036854771712\n");
  write(folder / "memory.stat", "inactive_file 1\ntotal_inactive_file 800000\n");
  EXPECT_EQ(left(), 9223372036854771712);
  write_meminfo(5000);
  EXPECT_EQ(left(), 5000 * 1024);
}

TEST_F(AvailableMemoryTest, KillsAreThoseOfTheOwnGroupElseOfTheMachine) {
  const auto kills = [&] { return memory_kills(root_.path()); };
  EXPECT_EQ(kills(), 0);
  write("proc/vmstat", "pgfault 12\noom_kill 9\n");
  EXPECT_EQ(kills(), 9);
  write("proc/self/cgroup", "3:memory:/job\n0::/user/job\n");
  EXPECT_EQ(kills(), 9) << "no group tells";
  write("sys/fs/cgroup/memory/job/memory.oom_control", "under_oom 0\noom_kill 4\n");
  EXPECT_EQ(kills(), 4);
  write("sys/fs/cgroup/memory.events", "low 0\noom 7\noom_kill 5\noom_group_kill 0\n");
  EXPECT_EQ(kills(), 5) << "of a container";
  write("sys/fs/cgroup/user/job/memory.events", "oom_kill 6\n");
  EXPECT_EQ(kills(), 6);
}

TEST(AvailableMemory, OfThisMachineIsSome) {
  const auto bytes = available_memory();
  ASSERT_TRUE(bytes.has_value());
  EXPECT_GT(*bytes, 1 << 20);
}

}  // namespace
}  // namespace hgnn_moe
