// A report as text.
#include <cmath>

#include <fmt/format.h>

#include "hgnn_moe/hgt/report_text.h"

namespace hgnn_moe::hgt {
namespace {

std::string number(const std::optional<double>& value) {
  return value ? fmt::format("{:.4f}", *value) : "-";
}

// Wide ranges of sizes in a narrow column.
std::string sized(double value) { return fmt::format("{:.4g}", value); }

std::string judged_as(const GroupVerdict& verdict) {
  if (!verdict.is_judged && verdict.findings.empty()) return "too few";
  return names_of(Grade{}).at(static_cast<std::size_t>(verdict.grade()));
}

std::string pair_row(const GroupReport& group, const std::string& verdict) {
  return fmt::format(
      "{:>9} {:>9} {:>8} {:>8} {:>8} {:>6} {:>9.1f} {:>9.1f} {:>8}  {:<9}  {}\n", group.nodes,
      group.apart, number(group.cosine.raw), number(group.cosine.centred), number(group.across.raw),
      group.spectrum.components_90, group.spectrum.effective_rank,
      group.spectrum.participation_ratio, group.spectrum.possible, verdict, group.name);
}

std::string size_row(const GroupReport& group) {
  return fmt::format("{:>10} {:>10} {:>10}  {:>10} {:>10} {:>10} {:>6.1f} {:>9} {:>9} {:>10}  {}\n",
                     sized(group.norms.min), sized(group.norms.median), sized(group.norms.max),
                     sized(group.variances.min), sized(group.variances.median),
                     sized(group.variances.max), 100.0 * group.dead, group.distinct,
                     group.non_finite, number(group.uniformity.value), group.name);
}

std::string tables(const EmbeddingReport& report, const Verdict& verdict) {
  std::string text = fmt::format(
      "{:>9} {:>9} {:>26} {:>6} {:>9} {:>9}\n"
      "{:>9} {:>9} {:>8} {:>8} {:>8} {:>6} {:>9} {:>9} {:>8}  {:<9}  {}\n",
      "", "", "mean cosine of pairs", "90 %", "effective", "particip.", "nodes", "apart", "within",
      "centred", "across", "comp.", "rank", "ratio", "possible", "verdict", "type");
  for (std::size_t i = 0; i < report.types.size(); ++i) {
    text += pair_row(report.types[i], judged_as(verdict.types[i]));
  }
  text += pair_row(report.all, "");
  text += fmt::format(
      "\n{:>32}  {:>32} {:>6}\n{:>10} {:>10} {:>10}  {:>10} {:>10} {:>10} {:>6} "
      "{:>9} {:>9} {:>10}  {}\n",
      "norm", "variance of a dimension", "dead", "min", "median", "max", "min", "median", "max",
      "%", "distinct", "NaN, inf", "uniformity", "type");
  for (const GroupReport& type : report.types) text += size_row(type);
  return text + size_row(report.all);
}

std::string alignment_line(const EmbeddingReport& report) {
  if (!report.alignment) return "alignment: not computed, no --graph gives positive pairs\n";
  if (report.alignment->pairs == 0) {
    return fmt::format(
        "alignment: not computed, none of the graph's {} edges joins two nodes of "
        "the file\n",
        report.alignment->left_out);
  }
  return fmt::format("alignment: {:.4f} over {} edges ({} left out)\n", report.alignment->value,
                     report.alignment->pairs, report.alignment->left_out);
}

std::string uniformity_line(const EmbeddingReport& report) {
  const bool is_sample = report.all.uniformity.nodes < report.all.finite() - report.all.zeros;
  return fmt::format(
      "uniformity: of all pairs of up to {} nodes{}\n", kUniformityNodes,
      is_sample ? fmt::format(", where there are more of a sample (seed {})", report.seed) : "");
}

std::string thresholds() {
  return fmt::format(
      "thresholds, warning and collapsed, of each type with {} nodes or more:\n"
      "  1 - mean cosine of its pairs below {} and {} (allowing for chance in few nodes)\n"
      "  effective rank below {} and {} of the possible, at most {} and {}\n"
      "  components for 90 % of the variance below {} and {} of the possible, at most {} and {}\n"
      "  rows that lie apart below {} and {} of all; any NaN or infinity is collapsed\n",
      kJudgedNodes, kSpread.warning, kSpread.collapsed, kRankShare.warning, kRankShare.collapsed,
      kRankCap.warning, kRankCap.collapsed, kComponentShare.warning, kComponentShare.collapsed,
      kComponentCap.warning, kComponentCap.collapsed, kApartShare.warning, kApartShare.collapsed);
}

const char* yes_or_no(bool holds) { return holds ? "yes" : "no"; }

std::string original_lines(const EmbeddingReport& report) {
  const OriginalCriteria criteria = original_criteria(report);
  return fmt::format(
      "the original's criteria, which decide nothing here:\n"
      "  mean cosine of all pairs below 0.7: {} ({})\n"
      "  more than 10 components for 90 % of the variance: {} ({})\n"
      "  mean cosine within a type from 0.5 to 0.8: {} of {} types\n",
      criteria.mean_cosine ? yes_or_no(*criteria.mean_cosine) : "no pairs",
      number(report.all.cosine.raw), yes_or_no(criteria.components),
      report.all.spectrum.components_90, criteria.types_in_range, criteria.types);
}

std::string finding_lines(const GroupVerdict& verdict) {
  std::string text;
  for (const Finding& finding : verdict.findings) {
    text +=
        fmt::format("  {}: {}: {}\n", names_of(Grade{}).at(static_cast<std::size_t>(finding.grade)),
                    verdict.name, finding.reason);
  }
  return text;
}

std::string verdict_lines(const Verdict& verdict) {
  std::string text;
  for (const std::string& note : verdict.notes) text += fmt::format("  {}\n", note);
  for (const GroupVerdict& type : verdict.types) text += finding_lines(type);
  if (verdict.together) text += finding_lines(*verdict.together);
  return fmt::format("verdict: {}\n{}",
                     names_of(Grade{}).at(static_cast<std::size_t>(verdict.grade)), text);
}

}  // namespace

std::string to_table(const EmbeddingReport& report, const Verdict& verdict) {
  return fmt::format("{} nodes of {} types with {} numbers each\n\n", report.nodes,
                     report.types.size(), report.width) +
         tables(report, verdict) + "\n" +
         fmt::format("mean cosine of pairs within types: {}, centred {}\n",
                     number(report.within.raw), number(report.within.centred)) +
         alignment_line(report) + uniformity_line(report) + thresholds() + original_lines(report) +
         verdict_lines(verdict);
}

}  // namespace hgnn_moe::hgt
