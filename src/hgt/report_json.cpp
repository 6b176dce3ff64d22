// A report as JSON.
#include "hgnn_moe/hgt/report_text.h"

namespace hgnn_moe::hgt {
namespace {

// Raised where a key changes its meaning or goes.
constexpr int kFormatVersion = 1;

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

const std::string& name_of(Grade grade) {
  return names_of(grade).at(static_cast<std::size_t>(grade));
}

Json record(const MeanCosine& cosine) {
  return {{"raw", or_null(cosine.raw)}, {"centred", or_null(cosine.centred)}};
}

Json record(const Range& range) {
  return {{"min", range.min}, {"median", range.median}, {"max", range.max}};
}

Json record(const Histogram& histogram) {
  return {{"low", histogram.low}, {"high", histogram.high}, {"counts", histogram.counts}};
}

Json record(const Spectrum& spectrum) {
  return {{"possible", spectrum.possible},
          {"components_90", spectrum.components_90},
          {"effective_rank", spectrum.effective_rank},
          {"participation_ratio", spectrum.participation_ratio},
          {"variances", spectrum.variances}};
}

Json record(const GroupReport& group) {
  return {{"name", group.name},
          {"nodes", group.nodes},
          {"non_finite", group.non_finite},
          {"zeros", group.zeros},
          {"distinct", group.distinct},
          {"apart", group.apart},
          {"cosine", record(group.cosine)},
          {"across", record(group.across)},
          {"norms", record(group.norms)},
          {"variances", record(group.variances)},
          {"dead_dimensions", group.dead},
          {"spectrum", record(group.spectrum)},
          {"uniformity", or_null(group.uniformity.value)},
          {"uniformity_nodes", group.uniformity.nodes},
          {"norm_histogram", record(group.norm_histogram)},
          {"cosine_histogram", record(group.cosine_histogram)}};
}

Json record(const GroupVerdict& verdict) {
  Json findings = Json::array();
  for (const Finding& finding : verdict.findings) {
    findings.push_back({{"grade", name_of(finding.grade)}, {"reason", finding.reason}});
  }
  return {{"grade", name_of(verdict.grade())},
          {"judged", verdict.is_judged},
          {"findings", std::move(findings)}};
}

Json record(const Threshold& threshold) {
  return {{"warning", threshold.warning}, {"collapsed", threshold.collapsed}};
}

Json thresholds() {
  return {{"judged_nodes", kJudgedNodes},
          {"spread", record(kSpread)},
          {"rank_share", record(kRankShare)},
          {"rank_cap", record(kRankCap)},
          {"component_share", record(kComponentShare)},
          {"component_cap", record(kComponentCap)},
          {"apart_share", record(kApartShare)}};
}

Json original(const EmbeddingReport& report) {
  const OriginalCriteria criteria = original_criteria(report);
  return {
      {"mean_cosine_below_0.7", criteria.mean_cosine ? Json(*criteria.mean_cosine) : Json(nullptr)},
      {"more_than_10_components", criteria.components},
      {"types_with_mean_cosine_from_0.5_to_0.8", criteria.types_in_range},
      {"types", criteria.types}};
}

Json alignment_of(const EmbeddingReport& report) {
  if (!report.alignment) return nullptr;
  const Alignment& alignment = *report.alignment;
  return {{"value", alignment.pairs > 0 ? Json(alignment.value) : Json(nullptr)},
          {"pairs", alignment.pairs},
          {"left_out", alignment.left_out}};
}

Json type_record(const EmbeddingReport& report, const Verdict& verdict, std::size_t type) {
  Json json = record(report.types[type]);
  json["verdict"] = record(verdict.types[type]);
  json["points"] = {{"x", report.points[type].x}, {"y", report.points[type].y}};
  return json;
}

}  // namespace

Json to_json(const EmbeddingReport& report, const Verdict& verdict) {
  Json json;
  json["format_version"] = kFormatVersion;
  json["verdict"] = name_of(verdict.grade);
  json["notes"] = verdict.notes;
  json["together"] = verdict.together ? record(*verdict.together) : Json(nullptr);
  json["nodes"] = report.nodes;
  json["width"] = report.width;
  json["seed"] = report.seed;
  json["thresholds"] = thresholds();
  json["original_criteria"] = original(report);
  json["within"] = record(report.within);
  json["within_spectrum"] = record(report.within_spectrum);
  json["alignment"] = alignment_of(report);
  json["axis_shares"] = report.axis_shares;
  json["all"] = record(report.all);
  json["types"] = Json::array();
  for (std::size_t type = 0; type < report.types.size(); ++type) {
    json["types"].push_back(type_record(report, verdict, type));
  }
  return json;
}

}  // namespace hgnn_moe::hgt
