#include "src/train/profile_table.h"

#include <gtest/gtest.h>

#include "src/train/profile_report.h"
#include "tests/train/profile_support.h"

#include "hgnn_moe/base/error.h"

namespace hgnn_moe {
namespace {

const ProfiledSection& section(const ProfileTable& table, const std::string& name) {
  for (const ProfiledSection& section : table.sections) {
    if (section.name == name) return section;
  }
  HGNN_MOE_ASSERT(false, "no section {}", name);
}

const ProfiledKernel* kernel(const ProfileTable& table, const std::string& in,
                             const std::string& name, bool backward) {
  for (const ProfiledKernel& kernel : table.kernels) {
    if (kernel.section == in && kernel.name == name && kernel.backward == backward) return &kernel;
  }
  return nullptr;
}

double sum_of_shares(const ProfileTable& table) {
  double sum = 0.0;
  for (const ProfiledSection& section : table.sections) sum += section.share;
  return sum;
}

TEST(ProfileTable, TimesAreSelfTimesAndSharesAddUp) {
  Events events;
  const auto step = events.scope("step", -1, 0, 100);
  const auto experts = events.scope("experts", step, 10, 50);
  const auto linear = events.operation("aten::linear", experts, 15, 45);
  events.operation("aten::t", linear, 15, 20);
  events.operation("aten::addmm", linear, 20, 40);
  const auto coupler = events.scope("coupler", step, 50, 60);
  events.operation("aten::gelu", coupler, 50, 54);
  events.operation("aten::item", step, 60, 65);
  const ProfileTable table = make_profile_table(events.list());

  EXPECT_EQ(table.steps, 1);
  EXPECT_DOUBLE_EQ(table.step_ms, 100.0);
  EXPECT_FALSE(table.of_device);
  EXPECT_DOUBLE_EQ(section(table, "experts").forward_ms, 40.0);
  EXPECT_DOUBLE_EQ(section(table, "experts").share, 40.0);
  EXPECT_DOUBLE_EQ(section(table, "coupler").share, 10.0);
  EXPECT_DOUBLE_EQ(section(table, "other").share, 50.0);
  EXPECT_NEAR(sum_of_shares(table), 100.0, 1e-9);
  EXPECT_DOUBLE_EQ(kernel(table, "experts", "aten::linear", false)->milliseconds, 5.0);
  EXPECT_DOUBLE_EQ(kernel(table, "experts", "aten::addmm", false)->milliseconds, 20.0);
  EXPECT_DOUBLE_EQ(kernel(table, "experts", "(between operators)", false)->milliseconds, 10.0);
  EXPECT_DOUBLE_EQ(kernel(table, "coupler", "(between operators)", false)->milliseconds, 6.0);
  EXPECT_EQ(kernel(table, "coupler", "aten::addmm", false), nullptr);
}

TEST(ProfileTable, ValuesAreMeansOverTheSteps) {
  Events events;
  for (const double begin : {0.0, 100.0}) {
    const auto step = events.scope("step", -1, begin, begin + 20);
    const auto head = events.scope("head and loss", step, begin, begin + 10 + begin / 50);
    const auto mm = events.operation("aten::mm", head, begin, begin + 10, -1,
                                     {tensor({10, 20}), tensor({20, 30})});
    events.at(mm).flops = 12000;
  }
  const ProfileTable table = make_profile_table(events.list());
  EXPECT_EQ(table.steps, 2);
  EXPECT_DOUBLE_EQ(table.step_ms, 20.0);
  EXPECT_DOUBLE_EQ(section(table, "head and loss").milliseconds(), 11.0);
  EXPECT_DOUBLE_EQ(section(table, "head and loss").share, 55.0);
  EXPECT_DOUBLE_EQ(section(table, "head and loss").cost.flops, 12000.0);
  EXPECT_DOUBLE_EQ(section(table, "head and loss").cost.bytes, 4.0 * (200 + 600 + 300));
  EXPECT_DOUBLE_EQ(kernel(table, "head and loss", "aten::mm", false)->calls, 1.0);
}

TEST(ProfileTable, NodesBelongToTheSectionOfTheirForwardOperation) {
  Events events;
  const auto step = events.scope("step", -1, 0, 100);
  const auto data = events.scope("data", step, 0, 5);
  events.operation("aten::clone", data, 0, 5, 7);  // sees number 7 and makes no node
  const auto experts = events.scope("experts", step, 5, 20);
  const auto linear = events.operation("aten::linear", experts, 5, 15, 7);
  events.operation("aten::t", linear, 5, 6, 7);
  events.operation("aten::addmm", linear, 6, 15, 8);  // then a node 9 without an operator
  const auto coupler = events.scope("coupler", step, 20, 30);
  events.operation("hgnn_moe::expert_mix", coupler, 20, 30, 10);

  const auto mix = events.node(step, 40, 50, 10);
  events.operation("hgnn_moe::expert_mix", mix, 41, 49);
  events.node(step, 50, 51, -1);  // adds to the gradient of a parameter of the coupler
  events.node(step, 51, 53, 9);
  const auto addmm = events.node(step, 53, 60, 8);
  events.operation("aten::mm", events.node(addmm, 53, 59, 8), 54, 59);
  events.node(step, 60, 61, -1);
  events.node(step, 61, 62, 7);
  events.node(step, 70, 80, 3);  // older than all: of no section
  const ProfileTable table = make_profile_table(events.list());

  EXPECT_DOUBLE_EQ(section(table, "data").backward_ms, 0.0);
  EXPECT_DOUBLE_EQ(section(table, "coupler").forward_ms, 10.0);
  EXPECT_DOUBLE_EQ(section(table, "coupler").backward_ms, 11.0);
  EXPECT_DOUBLE_EQ(section(table, "experts").forward_ms, 15.0);
  EXPECT_DOUBLE_EQ(section(table, "experts").backward_ms, 11.0);
  EXPECT_DOUBLE_EQ(section(table, "other").share, 100.0 - 5 - 21 - 26);
  EXPECT_DOUBLE_EQ(kernel(table, "coupler", "hgnn_moe::expert_mix", true)->milliseconds, 8.0);
  EXPECT_DOUBLE_EQ(kernel(table, "experts", "aten::mm", true)->milliseconds, 5.0);
  EXPECT_DOUBLE_EQ(kernel(table, "experts", "(autograd)", true)->calls, 4.0);
  EXPECT_EQ(kernel(table, "experts", "aten::mm", false), nullptr);
}

TEST(ProfileTable, NodesAreFoundByTheThreadOfTheirForwardPass) {
  Events events;
  const auto step = events.scope("step", -1, 0, 100);
  const auto experts = events.scope("experts", step, 0, 10);
  events.operation("aten::mul", experts, 0, 10, 4);
  const auto coupler = events.scope("coupler", -1, 0, 10);
  events.at(events.operation("aten::mul", coupler, 0, 10, 4)).thread = 2;
  const auto node = events.node(-1, 20, 30, 4);
  events.at(node).thread = 3;
  events.at(node).forward_thread = 2;
  const ProfileTable table = make_profile_table(events.list());
  EXPECT_DOUBLE_EQ(section(table, "coupler").backward_ms, 10.0);
  EXPECT_DOUBLE_EQ(section(table, "experts").backward_ms, 0.0);
}

TEST(ProfileTable, WorkIsCountedOnceHoweverCallsAreNested) {
  const std::vector<ProfiledInput> x = {tensor({8, 4, 16})};
  const std::vector<ProfiledInput> mix = {tensor({4, 4}), x[0]};
  const std::vector<ProfiledInput> scalar = {tensor({}, 8)};
  Events events;
  const auto step = events.scope("step", -1, 0, 100);
  const auto coupler = events.scope("coupler", step, 0, 90);
  const auto autograd = events.operation("hgnn_moe::expert_mix", coupler, 0, 10, 1, mix);
  const auto again = events.operation("hgnn_moe::expert_mix", autograd, 1, 9, -1, mix);
  events.operation("aten::empty", again, 2, 3);
  // A scalar factor is turned into a tensor inside the second call.
  const auto mul = events.operation("aten::mul", coupler, 10, 20, 2, x);
  const auto inner = events.operation("aten::mul", mul, 11, 19, -1, {x[0], scalar[0]});
  const auto to = events.operation("aten::to", inner, 11, 13, -1, scalar);
  events.operation("aten::copy_", to, 11, 12, -1, {scalar[0], scalar[0]});
  // Zeros are a part of a sum; of an operation that only fills they are all.
  const auto sum = events.operation("aten::sum", coupler, 20, 30, 3, x);
  events.operation("aten::fill_", sum, 21, 22, -1, {tensor({1})});
  const auto zero = events.operation("aten::zero_", coupler, 30, 40, -1, x);
  events.operation("aten::fill_", zero, 31, 39, -1, x);
  // Our operation on a device without a kernel of ours: the products inside are the work.
  const auto message = events.operation("hgnn_moe::gnn_message", coupler, 40, 60, 4, x);
  const auto bmm =
      events.operation("aten::bmm", message, 40, 50, -1, {tensor({8, 4, 4}), tensor({8, 4, 16})});
  events.at(bmm).flops = 4096;
  const ProfileTable table = make_profile_table(events.list());

  const double size = 8 * 4 * 16;
  const auto row = [&](const char* name) { return *kernel(table, "coupler", name, false); };
  EXPECT_DOUBLE_EQ(row("hgnn_moe::expert_mix").cost.flops, 2.0 * 4 * size);
  EXPECT_DOUBLE_EQ(row("hgnn_moe::expert_mix").cost.bytes, 4.0 * (16 + 2 * size));
  EXPECT_DOUBLE_EQ(row("hgnn_moe::expert_mix").calls, 1.0);
  EXPECT_DOUBLE_EQ(row("aten::mul").cost.bytes, 8 + 4.0 * 2 * size);
  EXPECT_DOUBLE_EQ(row("aten::mul").calls, 1.0);
  EXPECT_DOUBLE_EQ(row("aten::sum").cost.bytes, 4.0 * (size + 1));
  EXPECT_DOUBLE_EQ(row("aten::zero_").cost.bytes, 0.0);
  EXPECT_DOUBLE_EQ(row("aten::fill_").cost.bytes, 4.0 * (size + 1));
  EXPECT_DOUBLE_EQ(row("hgnn_moe::gnn_message").cost.flops, 0.0);
  EXPECT_DOUBLE_EQ(row("aten::bmm").cost.flops, 4096.0);
  EXPECT_DOUBLE_EQ(section(table, "coupler").cost.flops, 2.0 * 4 * size + 4096);
}

TEST(ProfileTable, ADevicesTimeGoesToTheOperationThatLaunchedIt) {
  Events events;
  const auto step = events.scope("step", -1, 0, 10);
  const auto coupler = events.scope("coupler", step, 0, 8);
  const auto mm = events.operation("aten::mm", coupler, 0, 8, 1);
  events.add(ProfiledKind::device, "gemm", mm, 3, 5);
  events.add(ProfiledKind::device, "gemm",
             events.operation("aten::mm", events.node(step, 8, 9, 1), 8, 9), 9, 12);
  events.add(ProfiledKind::device, "left over", -1, 20, 30);
  const ProfileTable table = make_profile_table(events.list());
  EXPECT_TRUE(table.of_device);
  EXPECT_DOUBLE_EQ(table.step_ms, 10.0);
  EXPECT_DOUBLE_EQ(section(table, "coupler").forward_ms, 2.0);
  EXPECT_DOUBLE_EQ(section(table, "coupler").backward_ms, 3.0);
  EXPECT_DOUBLE_EQ(section(table, "other").share, 50.0);
  EXPECT_EQ(profile_record(table, "cuda:0").at("times"), "device");
}

TEST(ProfileTable, KernelsBesideEachOtherStillAddUpToAll) {
  Events events;
  const auto step = events.scope("step", -1, 0, 10);
  const auto experts = events.scope("experts", step, 0, 8);
  const auto mm = events.operation("aten::mm", experts, 0, 8, 1);
  for (int stream = 0; stream < 3; ++stream) {
    events.add(ProfiledKind::device, "gemm", mm, 3, 8);
  }
  const ProfileTable table = make_profile_table(events.list());
  EXPECT_DOUBLE_EQ(section(table, "experts").share, 100.0);
  EXPECT_DOUBLE_EQ(section(table, "other").share, 0.0);
}

TEST(ProfileTable, WithoutAStepThereIsNothing) {
  for (const ProfiledSection& section : make_profile_table({}).sections) {
    EXPECT_EQ(section.milliseconds(), 0.0);
  }
}

TEST(ProfileReport, ShowsSectionsAndTheCouplersOperations) {
  Events events;
  const auto step = events.scope("step", -1, 0, 1000);
  const auto coupler = events.scope("coupler", step, 0, 500);
  events.operation("aten::gelu", coupler, 0, 400, 1, {tensor({1000, 1000})});
  events.operation("aten::t", coupler, 400, 401);
  events.operation("aten::view", coupler, 401, 402);
  const auto mm = events.operation("aten::mm", coupler, 402, 500);
  events.at(mm).flops = 98'000'000;
  const ProfileTable table = make_profile_table(events.list());

  const std::string text = profile_text(table, "cpu");
  const auto has = [&](const std::string& part) { return text.find(part) != std::string::npos; };
  for (const char* name : {"data", "embedding", "experts", "head and loss", "optimizer", "other"}) {
    EXPECT_TRUE(has(std::string("\n") + name + " ")) << text;
  }
  EXPECT_TRUE(has("1 step on cpu; ")) << text;
  EXPECT_TRUE(has("\ncoupler                  500.000       0.000    500.000   50.00      0.20"))
      << text;
  EXPECT_TRUE(
      has("\naten::gelu forward                                1.0    400.000   40.00"
          "         -     0.02\n"))
      << text;
  EXPECT_TRUE(
      has("\naten::mm forward                                  1.0     98.000    9.80"
          "      1.00        -\n"))
      << text;
  EXPECT_TRUE(has("\n3 smaller ")) << text;
  EXPECT_FALSE(has("aten::view")) << text;

  const Json record = profile_record(table, "cpu");
  EXPECT_EQ(record.at("times"), "host");
  EXPECT_EQ(record.at("sections").size(), table.sections.size());
  const Json& gelu = record.at("kernels").at(0);
  EXPECT_EQ(gelu.at("name"), "aten::gelu");
  EXPECT_EQ(gelu.at("direction"), "forward");
  EXPECT_DOUBLE_EQ(gelu.at("gb_per_s").get<double>(), 0.02);
}

}  // namespace
}  // namespace hgnn_moe
