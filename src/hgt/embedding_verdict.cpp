#include "hgnn_moe/hgt/embedding_verdict.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace hgnn_moe::hgt {
namespace {

constexpr int kWarningExit = 8;
constexpr int kCollapsedExit = 9;

// What is judged of a group, whether a type or all nodes about the means of their types.
struct Judged {
  std::int64_t rows = 0;  // degrees of freedom + 1
  std::int64_t width = 0;
  std::optional<double> cosine;
  const Spectrum* spectrum = nullptr;
  std::int64_t apart = 0;
  std::int64_t finite = 0;
};

Threshold scaled(Threshold threshold, double factor) {
  return {threshold.warning * factor, threshold.collapsed * factor};
}

Threshold capped(Threshold share, double possible, Threshold cap) {
  return {std::min(share.warning * possible, cap.warning),
          std::min(share.collapsed * possible, cap.collapsed)};
}

Grade grade_of(double value, Threshold threshold) {
  if (value < threshold.collapsed) return Grade::collapsed;
  return value < threshold.warning ? Grade::warning : Grade::good;
}

void add_finding(const std::string& what, double value, Threshold threshold,
                 std::vector<Finding>& findings) {
  const Grade grade = grade_of(value, threshold);
  if (grade == Grade::good) return;
  const double limit = grade == Grade::collapsed ? threshold.collapsed : threshold.warning;
  findings.push_back({grade, fmt::format("{} is below {:.3g}", what, limit)});
}

void judge_spread(const Judged& judged, std::vector<Finding>& findings) {
  // One number has a sign and no direction.
  if (judged.width < 2 || !judged.cosine) return;
  const double spread = 1.0 - *judged.cosine;
  add_finding(fmt::format("mean cosine {:.6g}: the share {:.3g} of the squared length that tells "
                          "rows apart",
                          *judged.cosine, spread),
              spread, scaled(kSpread, chance_factor(judged.rows, judged.width)), findings);
}

void judge_spectrum(const Judged& judged, std::vector<Finding>& findings) {
  const Spectrum& spectrum = *judged.spectrum;
  const auto possible = static_cast<double>(spectrum.possible);
  add_finding(fmt::format("effective rank {:.3g} of {} possible", spectrum.effective_rank,
                          spectrum.possible),
              spectrum.effective_rank, capped(kRankShare, possible, kRankCap), findings);
  add_finding(fmt::format("90 % of the variance in {} of {} possible components: {}",
                          spectrum.components_90, spectrum.possible, spectrum.components_90),
              static_cast<double>(spectrum.components_90),
              capped(kComponentShare, possible, kComponentCap), findings);
}

void judge_apart(const Judged& judged, std::vector<Finding>& findings) {
  const double room = std::pow(kRoom, static_cast<double>(judged.width));
  const double expected = std::min(static_cast<double>(judged.finite), room);
  const double share = static_cast<double>(judged.apart) / expected;
  add_finding(
      fmt::format("{} of {} rows lie apart: the share {:.3g}", judged.apart, judged.finite, share),
      share, kApartShare, findings);
}

std::vector<Finding> findings_of(const Judged& judged) {
  std::vector<Finding> findings;
  judge_spread(judged, findings);
  judge_spectrum(judged, findings);
  judge_apart(judged, findings);
  return findings;
}

GroupVerdict judge_type(const GroupReport& type, std::int64_t width) {
  GroupVerdict verdict;
  verdict.name = type.name;
  verdict.is_judged = type.finite() >= kJudgedNodes;
  if (verdict.is_judged) {
    verdict.findings = findings_of(
        {type.finite(), width, type.cosine.raw, &type.spectrum, type.apart, type.finite()});
  }
  if (type.non_finite > 0) {
    verdict.findings.push_back(
        {Grade::collapsed,
         fmt::format("{} of {} rows hold NaN or infinities", type.non_finite, type.nodes)});
  }
  return verdict;
}

// Rows about the means of their types have as many degrees of freedom as a group of one row more.
std::int64_t rows_within_types(const EmbeddingReport& report) {
  const auto groups = std::count_if(report.types.begin(), report.types.end(),
                                    [](const GroupReport& type) { return type.finite() > 0; });
  return report.all.finite() - groups + 1;
}

GroupVerdict judge_together(const EmbeddingReport& report) {
  GroupVerdict verdict;
  verdict.name = "all types together";
  const std::int64_t rows = rows_within_types(report);
  verdict.is_judged = rows >= kJudgedNodes;
  if (verdict.is_judged) {
    verdict.findings = findings_of({rows, report.width, report.within.raw, &report.within_spectrum,
                                    report.all.apart, report.all.finite()});
  }
  return verdict;
}

}  // namespace

const std::vector<std::string>& names_of(Grade) {
  static const std::vector<std::string> names = {"good", "warning", "collapsed"};
  return names;
}

int exit_code(Grade grade) {
  if (grade == Grade::warning) return kWarningExit;
  return grade == Grade::collapsed ? kCollapsedExit : 0;
}

double chance_factor(std::int64_t rows, std::int64_t width) {
  constexpr double kDeviations = -4.0;
  const double degrees = static_cast<double>(rows - 1) * static_cast<double>(width - 1);
  if (degrees <= 0.0) return 0.0;
  const double variance = 2.0 / (9.0 * degrees);
  const double root = std::max(0.0, 1.0 - variance + kDeviations * std::sqrt(variance));
  return root * root * root;
}

Grade GroupVerdict::grade() const {
  Grade worst = Grade::good;
  for (const Finding& finding : findings) worst = std::max(worst, finding.grade);
  return worst;
}

Verdict judge(const EmbeddingReport& report) {
  Verdict verdict;
  std::int64_t judged_types = 0;
  std::int64_t unjudged_types = 0;
  std::int64_t unjudged_nodes = 0;
  for (const GroupReport& type : report.types) {
    const GroupVerdict& added = verdict.types.emplace_back(judge_type(type, report.width));
    judged_types += added.is_judged;
    if (!added.is_judged && type.nodes > 0) {
      ++unjudged_types;
      unjudged_nodes += type.nodes;
    }
    verdict.grade = std::max(verdict.grade, added.grade());
  }
  if (unjudged_types > 0) {
    verdict.notes.push_back(
        fmt::format("types with fewer than {} rows, too few to judge: {} with {} nodes",
                    kJudgedNodes, unjudged_types, unjudged_nodes));
  }
  if (judged_types == 0) {
    verdict.together = judge_together(report);
    verdict.grade = std::max(verdict.grade, verdict.together->grade());
    verdict.notes.push_back(verdict.together->is_judged
                                ? "so all nodes are judged together, each about its type's mean"
                                : "all nodes together are too few as well: nothing is judged");
  }
  return verdict;
}

OriginalCriteria original_criteria(const EmbeddingReport& report) {
  constexpr double kMeanCosine = 0.7;
  constexpr std::int64_t kComponents = 10;
  constexpr double kLowest = 0.5, kHighest = 0.8;
  OriginalCriteria criteria;
  if (report.all.cosine.raw) criteria.mean_cosine = *report.all.cosine.raw < kMeanCosine;
  criteria.components = report.all.spectrum.components_90 > kComponents;
  for (const GroupReport& type : report.types) {
    if (!type.cosine.raw) continue;
    ++criteria.types;
    criteria.types_in_range += *type.cosine.raw >= kLowest && *type.cosine.raw <= kHighest;
  }
  return criteria;
}

}  // namespace hgnn_moe::hgt
