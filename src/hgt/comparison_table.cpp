#include <algorithm>

#include <fmt/format.h>

#include "hgnn_moe/hgt/comparison.h"

namespace hgnn_moe::hgt {

namespace {

constexpr std::size_t kTitleWidth = 28;
constexpr std::size_t kWidth = 30;

std::string number(double value, FigureUnit unit) {
  switch (unit) {
    case FigureUnit::share:
      return fmt::format("{:.4f}", value);
    case FigureUnit::count:
      return fmt::format("{:.0f}", value);
    case FigureUnit::seconds:
      return fmt::format("{:.2f}", value);
    case FigureUnit::bytes:
      break;
  }
  return fmt::format("{:.0f}", value / (1 << 20));
}

std::string signed_number(double value, FigureUnit unit) {
  const std::string text = number(value, unit);
  return text.front() == '-' ? text : "+" + text;
}

std::string mean_text(const SeedSummary& summary, FigureUnit unit) {
  if (!summary.mean) return "-";
  const std::string mean = number(*summary.mean, unit);
  if (!summary.deviation) return mean;
  return fmt::format("{} ± {}", mean, number(*summary.deviation, unit));
}

std::string difference_text(const SeedSummary& difference, FigureUnit unit) {
  if (!difference.mean) return "-";
  const std::string mean = signed_number(*difference.mean, unit);
  if (!difference.interval) return mean + " (no interval)";
  return fmt::format("{} ({} to {})", mean, signed_number(difference.interval->low, unit),
                     signed_number(difference.interval->high, unit));
}

std::string verdicts_text(const VariantResults& variant) {
  std::string text;
  for (const auto& [verdict, count] : variant.verdicts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", verdict, count);
  }
  return text.empty() ? "-" : text;
}

std::string row(const std::string& title, const std::vector<std::string>& cells) {
  std::string line = fmt::format("{:<{}}", title, kTitleWidth);
  for (const std::string& cell : cells) line += fmt::format("  {:<{}}", cell, kWidth);
  return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

// A line of `text_of` each variant's values; "" where no variant has any.
template <typename Text>
std::string row_of(const Comparison& comparison, const Figure& figure, Text text_of) {
  const auto& variants = comparison.variants;
  const bool is_shown =
      *figure.title != '\0' && (!figure.of_relation || !comparison.relation.empty());
  const bool has_values = std::any_of(
      variants.begin(), variants.end(),
      [&](const VariantResults& variant) { return !variant.values(figure.name).empty(); });
  if (!is_shown || !has_values) return "";
  std::vector<std::string> cells;
  for (const VariantResults& variant : variants) cells.push_back(text_of(variant));
  return row(figure.title, cells);
}

template <typename Text>
std::string row_of_all(const Comparison& comparison, const std::string& title, Text text_of) {
  std::vector<std::string> cells;
  for (const VariantResults& variant : comparison.variants) cells.push_back(text_of(variant));
  return row(title, cells);
}

}  // namespace

std::string to_table(const Comparison& comparison) {
  const VariantResults& first = comparison.variants.front();
  std::string table = row_of_all(comparison, "mean ± standard deviation",
                                 [](const auto& variant) { return variant.name; });
  table += row_of_all(comparison, "runs done",
                      [](const auto& variant) { return std::to_string(variant.done); });
  for (const Figure& figure : comparison_figures()) {
    table += row_of(comparison, figure, [&](const VariantResults& variant) {
      return mean_text(summarise(variant.values(figure.name)), figure.unit);
    });
  }
  table += row_of_all(comparison, "embeddings", verdicts_text);
  if (!comparison.relation.empty()) table += "the relation is " + comparison.relation + "\n";
  table += fmt::format("\n{}", row_of_all(comparison, "less " + first.name + ", by seed",
                                          [&](const VariantResults& variant) {
                                            return variant.name == first.name ? "" : variant.name;
                                          }));
  for (const Figure& figure : comparison_figures()) {
    table += row_of(comparison, figure, [&](const VariantResults& variant) -> std::string {
      if (variant.name == first.name) return "";
      return difference_text(
          paired_difference(first.values(figure.name), variant.values(figure.name)), figure.unit);
    });
  }
  table += fmt::format(
      "differences are means over seeds, in brackets {:.0f} % intervals of Student's t for n - 1 "
      "degrees\n",
      100 * kConfidence);
  for (const VariantResults& variant : comparison.variants) {
    for (const std::string& problem : variant.problems) {
      table += fmt::format("not done: {}, {}\n", variant.name, problem);
    }
  }
  return table;
}

}  // namespace hgnn_moe::hgt
