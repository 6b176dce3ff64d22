#include "src/train/profile_trace.h"

#include <gtest/gtest.h>

#include "tests/base/test_support.h"
#include "tests/train/train_support.h"

#include "hgnn_moe/base/files.h"

namespace hgnn_moe {
namespace {

// As Kineto writes it, with the name of its file.
void save(const std::string& path, const std::string& end) {
  put_file(path, "{\"traceEvents\": [], \"traceName\": \"" + path + "\"" + end);
}

TEST(ProfileTrace, AppearsUnderItsOwnNameAlone) {
  const TemporaryFolder folder;
  const auto path = folder / "trace.json";
  write_trace(path, [](const std::string& to) { save(to, "}\n"); }, /*has_device=*/false);
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"trace.json"});
  EXPECT_EQ(read_json_file(path, ExitCode::internal).at("traceName"), path.string());
}

TEST(ProfileTrace, AnIncompleteOneIsAnErrorAndLeavesTheOld) {
  const TemporaryFolder folder;
  const auto path = folder / "trace.json";
  put_file(path, "old");
  const auto cut = [](const std::string& to) { save(to, ""); };
  const auto nothing = [](const std::string&) {};
  for (const auto& broken : {std::function<void(const std::string&)>(cut),
                             std::function<void(const std::string&)>(nothing)}) {
    const std::string message =
        message_of_error(ExitCode::disk, [&] { write_trace(path, broken, /*has_device=*/false); });
    EXPECT_TRUE(contains(message, path.string())) << message;
    EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"trace.json"});
    EXPECT_EQ(read_text_file(path, ExitCode::internal), "old");
  }
}

TEST(ProfileTrace, OfADevicesWorkOnlyThatOfTheStepsStays) {
  const auto event = [](const char* category, const char* name, double begin) {
    return Json({{"ph", "X"}, {"cat", category}, {"name", name}, {"ts", begin}, {"dur", 10.0}});
  };
  const Json meta = {{"ph", "M"}, {"name", "process_name"}};
  const Json kept = Json::array(
      {event("user_annotation", "step", 100), event("kernel", "gemm", 101), meta,
       event("user_annotation", "step", 200), event("cuda_runtime", "cudaLaunchKernel", 210),
       event("Trace", "PyTorch Profiler (0)", 50)});
  Json trace = {{"traceEvents", kept}};
  trace["traceEvents"].insert(trace["traceEvents"].begin() + 2, event("kernel", "gemm", 150));
  trace["traceEvents"].push_back(event("gpu_memcpy", "Memcpy", 90));
  trace["traceEvents"].push_back(event("gpu_user_annotation", "step", 150));
  keep_steps_alone(trace);
  EXPECT_EQ(trace.at("traceEvents"), kept);
}

}  // namespace
}  // namespace hgnn_moe
