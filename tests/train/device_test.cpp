#include "hgnn_moe/train/device.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "tests/base/test_support.h"

namespace hgnn_moe {
namespace {

const ops::CudaStatus kNoCuda{};
const ops::CudaStatus kNoDriver{true, 13000, 0, 0, false};
const ops::CudaStatus kOldDriver{true, 13000, 12080, 0, true};
const ops::CudaStatus kTwoGpus{true, 13000, 13010, 2, true};

TEST(Device, AutoTakesAGpuWhereOneCanBeUsed) {
  EXPECT_EQ(choose_device("auto", kTwoGpus).device, c10::Device(c10::kCUDA, 0));
  EXPECT_EQ(choose_device("auto", kNoCuda).device, c10::Device(c10::kCPU));
  EXPECT_EQ(choose_device("cpu", kTwoGpus).device, c10::Device(c10::kCPU));
  EXPECT_TRUE(choose_device("auto", kNoCuda).notes.empty());
}

TEST(Device, AutoSaysThatABuildWithoutCudaLeavesAGpuIdle) {
  ops::CudaStatus status = kNoCuda;
  status.has_driver = true;
  const DeviceChoice choice = choose_device("auto", status);
  EXPECT_EQ(choice.device, c10::Device(c10::kCPU));
  EXPECT_EQ(choice.notes, std::vector<std::string>{"device auto takes the CPU: this build has no "
                                                   "CUDA; build the preset 'cuda'"});
  EXPECT_TRUE(choose_device("cpu", status).notes.empty());
}

TEST(Device, AutoSaysWhyItDoesNotTakeAGpu) {
  const DeviceChoice choice = choose_device("auto", kOldDriver);
  EXPECT_EQ(choice.device, c10::Device(c10::kCPU));
  ASSERT_EQ(choice.notes.size(), 1u);
  EXPECT_NE(choice.notes[0].find("12.8"), std::string::npos) << choice.notes[0];
  EXPECT_NE(choice.notes[0].find("13.0"), std::string::npos) << choice.notes[0];
}

TEST(Device, Tf32IsForGpusThatHaveIt) {
  const std::string message = message_of_error(
      ExitCode::usage, [] { set_precision(Precision::tf32, c10::Device(c10::kCPU)); });
  EXPECT_NE(message.find("tf32"), std::string::npos) << message;
  EXPECT_NE(message.find("take fp32 or bf16"), std::string::npos) << message;
  EXPECT_NO_THROW(set_precision(Precision::bf16, c10::Device(c10::kCPU)));
}

// LibTorch's default is to add up parts of a sum in bfloat16.
TEST(Device, ProductsInBfloat16AddUpInSinglePrecision) {
  at::Context& context = at::globalContext();
  context.setAllowBF16ReductionCuBLAS(true);
  set_precision(Precision::bf16, c10::Device(c10::kCPU));
  EXPECT_EQ(context.allowBF16ReductionCuBLAS(),
            at::CuBLASReductionOption::DisallowReducedPrecisionAllowSplitK);
}

TEST(Device, AGpuThatIsAskedForAndMissingIsAnError) {
  const auto message = [](const std::string& request, const ops::CudaStatus& status) {
    return message_of_error(ExitCode::usage, [&] { choose_device(request, status); });
  };
  EXPECT_NE(message("cuda", kNoCuda).find("preset 'cuda'"), std::string::npos);
  EXPECT_NE(message("cuda", kNoDriver).find("no NVIDIA driver"), std::string::npos);
  const std::string old = message("cuda:0", kOldDriver);
  EXPECT_NE(old.find("12.8"), std::string::npos) << old;
  EXPECT_NE(old.find("13.0"), std::string::npos) << old;
  EXPECT_NE(message("cuda:2", kTwoGpus).find("cuda:1"), std::string::npos);
  EXPECT_EQ(choose_device("cuda:1", kTwoGpus).device, c10::Device(c10::kCUDA, 1));
}

}  // namespace
}  // namespace hgnn_moe
