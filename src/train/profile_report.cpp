#include "profile_report.h"

#include <string_view>

#include <fmt/format.h>

#include "hgnn_moe/model/profile_scopes.h"

namespace hgnn_moe {

namespace {

constexpr double kSmallPart = 0.01;  // of the coupler

// Per millisecond in units of 1e9 per second; 0 where there was no time.
double rate(double amount, double milliseconds) {
  return milliseconds > 0.0 ? 1e-6 * amount / milliseconds : 0.0;
}

// Empty where there is nothing: not to know is not zero.
std::string rate_text(double amount, double milliseconds) {
  return amount > 0.0 && milliseconds > 0.0 ? fmt::format("{:.2f}", rate(amount, milliseconds))
                                            : std::string("-");
}

void add_costs(Json& row, const ProfiledCost& cost, double milliseconds) {
  row["flops"] = cost.flops;
  row["bytes"] = cost.bytes;
  row["gflop_per_s"] = rate(cost.flops, milliseconds);
  row["gb_per_s"] = rate(cost.bytes, milliseconds);
}

const char* direction(const ProfiledKernel& kernel) {
  return kernel.backward ? "backward" : "forward";
}

std::string kernel_line(const std::string& name, const ProfiledKernel& kernel) {
  return fmt::format("{:<44}{:>9.1f}{:>11.3f}{:>8.2f}{:>10}{:>9}\n", name, kernel.calls,
                     kernel.milliseconds, kernel.share,
                     rate_text(kernel.cost.flops, kernel.milliseconds),
                     rate_text(kernel.cost.bytes, kernel.milliseconds));
}

std::string coupler_text(const ProfileTable& table) {
  double whole = 0.0;
  for (const ProfiledSection& section : table.sections) {
    if (section.name == profile_scope::kCoupler) whole = section.milliseconds();
  }
  std::string text;
  ProfiledKernel rest;
  int small = 0;
  for (const ProfiledKernel& kernel : table.kernels) {
    if (kernel.section != profile_scope::kCoupler) continue;
    if (kernel.milliseconds >= kSmallPart * whole) {
      text += kernel_line(fmt::format("{} {}", kernel.name, direction(kernel)), kernel);
      continue;
    }
    ++small;
    rest.calls += kernel.calls;
    rest.milliseconds += kernel.milliseconds;
    rest.share += kernel.share;
    rest.cost += kernel.cost;
  }
  if (small > 0) text += kernel_line(fmt::format("{} smaller", small), rest);
  return text;
}

}  // namespace

std::string profile_text(const ProfileTable& table, const std::string& device) {
  std::string text = fmt::format(
      "{} {} on {}; {} milliseconds, calls and costs of one step, share of the step in %\n\n"
      "{:<20}{:>12}{:>12}{:>11}{:>8}{:>10}{:>9}\n",
      table.steps, table.steps == 1 ? "step" : "steps", device,
      table.of_device ? "the GPU's" : "the host's", "section", "forward ms", "backward ms", "ms",
      "share", "GFLOP/s", "GB/s");
  double share = 0.0;
  for (const ProfiledSection& section : table.sections) {
    const double time = section.milliseconds();
    share += section.share;
    text += fmt::format("{:<20}{:>12.3f}{:>12.3f}{:>11.3f}{:>8.2f}{:>10}{:>9}\n", section.name,
                        section.forward_ms, section.backward_ms, time, section.share,
                        rate_text(section.cost.flops, time), rate_text(section.cost.bytes, time));
  }
  text += fmt::format("{:<44}{:>11.3f}{:>8.2f}\n", "step", table.step_ms, share);
  text += fmt::format("\n{:<44}{:>9}{:>11}{:>8}{:>10}{:>9}\n", "in the coupler", "calls", "ms",
                      "share", "GFLOP/s", "GB/s");
  return text + coupler_text(table);
}

Json profile_record(const ProfileTable& table, const std::string& device) {
  Json record = Json::object();
  record["steps"] = table.steps;
  record["device"] = device;
  record["times"] = table.of_device ? "device" : "host";
  record["step_ms"] = table.step_ms;
  record["sections"] = Json::array();
  for (const ProfiledSection& section : table.sections) {
    Json row = Json::object();
    row["section"] = section.name;
    row["forward_ms"] = section.forward_ms;
    row["backward_ms"] = section.backward_ms;
    row["share"] = section.share;
    add_costs(row, section.cost, section.milliseconds());
    record["sections"].push_back(row);
  }
  record["kernels"] = Json::array();
  for (const ProfiledKernel& kernel : table.kernels) {
    Json row = Json::object();
    row["section"] = kernel.section;
    row["name"] = kernel.name;
    row["direction"] = direction(kernel);
    row["calls"] = kernel.calls;
    row["ms"] = kernel.milliseconds;
    row["share"] = kernel.share;
    add_costs(row, kernel.cost, kernel.milliseconds);
    record["kernels"].push_back(row);
  }
  return record;
}

}  // namespace hgnn_moe
