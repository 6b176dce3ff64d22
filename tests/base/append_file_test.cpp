#include "hgnn_moe/base/append_file.h"

#include <gtest/gtest.h>

#include "tests/base/test_support.h"

#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

std::string text_of(const std::filesystem::path& path) {
  return read_text_file(path, ExitCode::internal);
}

TEST(AppendFile, IsInTheFileAtOnceAndGoesOnWhereItWas) {
  const TemporaryFolder folder;
  const auto path = folder / "file";
  {
    AppendFile file(path);
    file.append("one");
    EXPECT_EQ(text_of(path), "one");
    file.sync();
  }
  AppendFile file(path);
  EXPECT_EQ(file.length(), 3);
  file.append("two");
  EXPECT_EQ(file.length(), 6);
  EXPECT_EQ(file.byte_at(3), 't');
  file.truncate_to(4);
  file.append("!");
  EXPECT_EQ(text_of(path), "onet!");
}

TEST(AppendFile, AnUnwritablePlaceIsADiskError) {
  const TemporaryFolder folder;
  const auto path = folder / "missing" / "file";
  const std::string message =
      message_of_error(ExitCode::disk, [&] { const AppendFile file(path); });
  EXPECT_TRUE(contains(message, path.string())) << message;
}

}  // namespace
}  // namespace hgnn_moe
