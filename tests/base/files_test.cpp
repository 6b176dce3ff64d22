#include "hgnn_moe/base/files.h"

#include <functional>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

std::string text_of(ByteSpan bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data), bytes.size);
}

std::string content(const std::filesystem::path& path) {
  return read_text_file(path, ExitCode::data);
}

// Stands in for a full disk: while it lives, no file of this process grows beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &previous_limit_);
    previous_handler_ = ::signal(SIGXFSZ, SIG_IGN);  // write() then reports an error instead
    const rlimit limit{bytes, previous_limit_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &previous_limit_);
    ::signal(SIGXFSZ, previous_handler_);
  }

 private:
  rlimit previous_limit_{};
  void (*previous_handler_)(int) = nullptr;
};

// The exit status of `action` in a forked child; 100 for an exception other than Error.
int exit_status_of_child(const std::function<int()>& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 100;
    try {
      status = action();
    } catch (const Error& error) {
      status = static_cast<int>(error.code());
    } catch (...) {
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ReadTextFile, ReadsBytesAsTheyAre) {
  const TemporaryFolder folder;
  const std::string text = std::string("a\r\n\0b", 5) + std::string(200'000, 'x');
  put_file(folder / "a.txt", text);
  put_file(folder / "empty.txt", "");
  EXPECT_EQ(content(folder / "a.txt"), text);
  EXPECT_EQ(content(folder / "empty.txt"), "");
}

TEST(ReadTextFile, NamesPathAndReason) {
  const TemporaryFolder folder;
  const std::string missing = message_of_error(
      ExitCode::checkpoint, [&] { read_text_file(folder / "none", ExitCode::checkpoint); });
  EXPECT_TRUE(contains(missing, (folder / "none").string())) << missing;
  EXPECT_TRUE(contains(missing, "No such file")) << missing;
  const std::string directory =
      message_of_error(ExitCode::usage, [&] { read_text_file(folder.path(), ExitCode::usage); });
  EXPECT_TRUE(contains(directory, "Is a directory")) << directory;
}

TEST(MappedFile, MapsAndMoves) {
  const TemporaryFolder folder;
  put_file(folder / "a.bin", "abc");
  put_file(folder / "b.bin", "defg");
  MappedFile a(folder / "a.bin", ExitCode::data);
  EXPECT_EQ(text_of(a.bytes()), "abc");
  MappedFile moved(std::move(a));
  EXPECT_EQ(text_of(moved.bytes()), "abc");
  EXPECT_EQ(moved.path(), folder / "a.bin");
  moved = MappedFile(folder / "b.bin", ExitCode::data);
  EXPECT_EQ(text_of(moved.bytes()), "defg");
  EXPECT_EQ(moved.path(), folder / "b.bin");
}

TEST(MappedFile, EmptyFileIsAnEmptySpan) {
  const TemporaryFolder folder;
  put_file(folder / "empty.bin", "");
  EXPECT_EQ(MappedFile(folder / "empty.bin", ExitCode::data).bytes().size, 0u);
}

TEST(MappedFile, StaysValidWhenTheFileIsReplaced) {
  const TemporaryFolder folder;
  put_file(folder / "a.bin", "old");
  const MappedFile file(folder / "a.bin", ExitCode::data);
  write_file_atomically(folder / "a.bin", "new content");
  EXPECT_EQ(text_of(file.bytes()), "old");
}

TEST(MappedFile, RefusesWhatIsNoRegularFile) {
  const TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const auto& path : {folder.path(), pipe, folder / "none"}) {
    const std::string message =
        message_of_error(ExitCode::data, [&] { MappedFile(path, ExitCode::data); });
    EXPECT_TRUE(contains(message, path.string())) << message;
  }
}

TEST(AtomicFile, AppearsOnlyWithCommit) {
  const TemporaryFolder folder;
  put_file(folder / "state.json", "old");
  {
    AtomicFile file(folder / "state.json");
    file.write("ne", 2);
    file.write("w", 1);
    EXPECT_EQ(content(folder / "state.json"), "old");
    file.commit();
  }
  EXPECT_EQ(content(folder / "state.json"), "new");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"state.json"});
}

TEST(AtomicFile, WithoutCommitNothingChanges) {
  const TemporaryFolder folder;
  put_file(folder / "state.json", "old");
  {
    AtomicFile file(folder / "state.json");
    file.write("new", 3);
    EXPECT_EQ(names_in(folder.path()).size(), 2u);
  }
  EXPECT_EQ(content(folder / "state.json"), "old");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"state.json"});
}

TEST(AtomicFile, FullDiskIsADiskErrorAndKeepsTheOldFile) {
  const TemporaryFolder folder;
  put_file(folder / "model", "old");
  const std::string message = message_of_error(ExitCode::disk, [&] {
    const FileSizeLimit limit(1000);
    write_file_atomically(folder / "model", std::string(5000, 'x'));
  });
  EXPECT_TRUE(contains(message, (folder / "model").string())) << message;
  EXPECT_TRUE(contains(message, "File too large")) << message;
  EXPECT_EQ(content(folder / "model"), "old");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"model"});
}

TEST(AtomicFile, MissingFolderIsADiskError) {
  const TemporaryFolder folder;
  const std::string message = message_of_error(
      ExitCode::disk, [&] { write_file_atomically(folder / "none" / "a.txt", "text"); });
  EXPECT_TRUE(contains(message, "No such file")) << message;
}

TEST(AtomicFile, NeverReplacesWhatIsNoRegularFile) {
  const TemporaryFolder folder;
  const auto pipe = folder / "pipe";  // stands for any device: the test must be safe to fail
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const auto& path : {pipe, folder.path()}) {
    const std::string message =
        message_of_error(ExitCode::disk, [&] { write_file_atomically(path, "text"); });
    EXPECT_TRUE(contains(message, "not a regular file")) << message;
  }
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
}

TEST(AtomicFile, OverwritesTheTemporaryOfAKilledProcess) {
  const TemporaryFolder folder;
  put_file(folder / ("a.txt." + std::to_string(::getpid()) + ".tmp"), "a longer leftover");
  write_file_atomically(folder / "a.txt", "text");
  EXPECT_EQ(content(folder / "a.txt"), "text");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"a.txt"});
}

TEST(CreateDirectories, CreatesParentsAndAcceptsWhatExists) {
  const TemporaryFolder folder;
  hgnn_moe::create_directories(folder / "a/b/c");
  hgnn_moe::create_directories(folder / "a/b/c/");
  EXPECT_TRUE(std::filesystem::is_directory(folder / "a/b/c"));
}

TEST(CreateDirectories, FileInTheWayIsADiskError) {
  const TemporaryFolder folder;
  put_file(folder / "file", "");
  for (const char* name : {"file", "file/below"}) {
    const std::string message =
        message_of_error(ExitCode::disk, [&] { hgnn_moe::create_directories(folder / name); });
    EXPECT_TRUE(contains(message, "Not a directory")) << message;
  }
}

TEST(SyncDirectory, MissingFolderIsADiskError) {
  const TemporaryFolder folder;
  EXPECT_NO_THROW(sync_directory(folder.path()));
  message_of_error(ExitCode::disk, [&] { sync_directory(folder / "none"); });
}

TEST(GrowingFile, IsReadFromAByteOn) {
  const TemporaryFolder folder;
  const auto file = folder / "output.log";
  EXPECT_EQ(size_of_file(file), 0u);
  message_of_error(ExitCode::disk, [&] { text_from(file, 0); });
  write_file_atomically(file, "first");
  EXPECT_EQ(size_of_file(file), 5u);
  write_file_atomically(file, "first, second");
  EXPECT_EQ(text_from(file, 5), ", second");
  EXPECT_EQ(text_from(file, 13), "");
  EXPECT_EQ(text_from(file, 99), "") << "it was cut meanwhile";
}

TEST(FolderLock, KeepsOtherProcessesOutUntilReleased) {
  const TemporaryFolder folder;
  const auto acquire_in_child = [&] {
    return exit_status_of_child([&] {
      FolderLock::acquire(folder.path());
      return 0;
    });
  };
  {
    const FolderLock lock = FolderLock::acquire(folder.path());
    EXPECT_EQ(acquire_in_child(), static_cast<int>(ExitCode::usage));
    const std::string message =
        message_of_error(ExitCode::usage, [&] { FolderLock::acquire(folder.path()); });
    EXPECT_TRUE(contains(message, folder.path().string())) << message;
  }
  EXPECT_EQ(acquire_in_child(), 0);
  EXPECT_NO_THROW(FolderLock::acquire(folder.path()));
}

TEST(FolderLock, MovesWithItsOwner) {
  const TemporaryFolder folder;
  const TemporaryFolder other;
  FolderLock first = FolderLock::acquire(folder.path());
  {
    FolderLock second(std::move(first));
    message_of_error(ExitCode::usage, [&] { FolderLock::acquire(folder.path()); });
    second = FolderLock::acquire(other.path());
    message_of_error(ExitCode::usage, [&] { FolderLock::acquire(other.path()); });
  }
  EXPECT_NO_THROW(FolderLock::acquire(folder.path()));
  EXPECT_NO_THROW(FolderLock::acquire(other.path()));
}

TEST(FolderLock, AssignmentReleasesTheFormerFolder) {
  const TemporaryFolder folder;
  const TemporaryFolder other;
  FolderLock lock = FolderLock::acquire(folder.path());
  lock = FolderLock::acquire(other.path());
  EXPECT_NO_THROW(FolderLock::acquire(folder.path()));
}

TEST(FolderLock, DiesWithAKilledProcess) {
  const TemporaryFolder folder;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const FolderLock lock = FolderLock::acquire(folder.path());
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  message_of_error(ExitCode::usage, [&] { FolderLock::acquire(folder.path()); });
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_NO_THROW(FolderLock::acquire(folder.path()));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(FolderLock, TellsWhetherAnotherHasIt) {
  const TemporaryFolder folder;
  EXPECT_FALSE(FolderLock::is_held(folder.path()));
  {
    const FolderLock lock = FolderLock::acquire(folder.path());
    EXPECT_TRUE(FolderLock::is_held(folder.path()));
  }
  EXPECT_FALSE(FolderLock::is_held(folder.path()));
  message_of_error(ExitCode::disk, [&] { FolderLock::is_held(folder / "none"); });
}

TEST(FolderLock, MissingFolderIsADiskError) {
  const TemporaryFolder folder;
  message_of_error(ExitCode::disk, [&] { FolderLock::acquire(folder / "none"); });
}

}  // namespace
}  // namespace hgnn_moe
