#include "hgnn_moe/hgt/comparison.h"

#include <algorithm>

#include <fmt/format.h>

#include "hgnn_moe/base/error.h"

namespace hgnn_moe::hgt {

namespace {

using Pointer = Json::json_pointer;

// Where a figure stands in run_summary.json; RELATION is replaced by the relation's title.
constexpr std::pair<const char*, const char*> kPlaces[] = {
    {"mrr", "/results/test/micro/mrr"},
    {"hits_at_10", "/results/test/micro/hits_at_10"},
    {"macro_mrr", "/results/test/macro/mrr"},
    {"macro_hits_at_10", "/results/test/macro/hits_at_10"},
    {"best_valid_mrr", "/best_valid_mrr"},
    {"seconds", "/seconds"},
    {"triples_per_s", "/triples_per_s"},
    {"peak_memory_bytes", "/peak_memory_bytes"},
    {"steps", "/steps"}};
constexpr std::pair<const char*, const char*> kPlacesOfRelation[] = {
    {"relation_mrr", "/results/test/relations/RELATION/mrr"},
    {"relation_hits_at_10", "/results/test/relations/RELATION/hits_at_10"},
    {"auprc", "/results/links/RELATION/model/auprc"},
    {"auroc", "/results/links/RELATION/model/auroc"},
    {"degree_auprc", "/results/links/RELATION/degree_product/auprc"}};

// A key as a token of a JSON pointer (RFC 6901).
std::string token_of(const std::string& key) {
  std::string token;
  for (const char c : key) {
    token += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return token;
}

std::optional<double> number_at(const Json& record, const std::string& place) {
  const Json value = record.value(Pointer(place), Json());
  return value.is_number() ? std::optional<double>(value.get<double>()) : std::nullopt;
}

Json to_json(const Interval& interval) { return Json::array({interval.low, interval.high}); }

Json to_json(const SeedSummary& summary) {
  return {{"n", summary.n},
          {"mean", number_or_null(summary.mean)},
          {"deviation", number_or_null(summary.deviation)},
          {"interval", summary.interval ? to_json(*summary.interval) : Json()}};
}

Json record_of(const VariantResults& variant) {
  Json figures = Json::object();
  for (const auto& [name, values] : variant.figures) figures[name] = to_json(summarise(values));
  return {{"name", variant.name},
          {"done", variant.done},
          {"problems", variant.problems},
          {"verdicts", variant.verdicts},
          {"figures", figures}};
}

Json record_of_difference(const VariantResults& first, const VariantResults& other) {
  Json figures = Json::object();
  for (const auto& [name, values] : other.figures) {
    const SeedValues& of_first = first.values(name);
    figures[name] = to_json(paired_difference(of_first, values));
    if (figure_named(name).unit != FigureUnit::share) {
      const SeedSummary ratio = paired_ratio(of_first, values);
      figures[name]["ratio"] = number_or_null(ratio.mean);
      figures[name]["ratio_interval"] = ratio.interval ? to_json(*ratio.interval) : Json();
    }
  }
  return {{"variant", other.name}, {"less", first.name}, {"figures", figures}};
}

}  // namespace

const std::vector<Figure>& comparison_figures() {
  static const std::vector<Figure> figures = {
      {"mrr", "test MRR", FigureUnit::share, false},
      {"hits_at_10", "test Hits@10", FigureUnit::share, false},
      {"macro_mrr", "", FigureUnit::share, false},
      {"macro_hits_at_10", "", FigureUnit::share, false},
      {"best_valid_mrr", "", FigureUnit::share, false},
      {"relation_mrr", "MRR of the relation", FigureUnit::share, true},
      {"relation_hits_at_10", "Hits@10 of the relation", FigureUnit::share, true},
      {"auprc", "AUPRC of the relation", FigureUnit::share, true},
      {"auroc", "", FigureUnit::share, true},
      {"degree_auprc", "AUPRC of degrees alone", FigureUnit::share, true},
      {"auprc_above_degrees", "AUPRC above that of degrees", FigureUnit::share, true},
      {"seconds", "seconds of training", FigureUnit::seconds, false},
      {"seconds_per_epoch", "seconds an epoch", FigureUnit::seconds, false},
      {"triples_per_s", "triples a second", FigureUnit::count, false},
      {"peak_memory_bytes", "peak memory, MiB", FigureUnit::bytes, false},
      {"steps", "steps", FigureUnit::count, false}};
  return figures;
}

const Figure& figure_named(const std::string& name) {
  const auto& figures = comparison_figures();
  const auto found = std::find_if(figures.begin(), figures.end(),
                                  [&](const Figure& figure) { return figure.name == name; });
  HGNN_MOE_ASSERT(found != figures.end(), "no figure {}", name);
  return *found;
}

std::map<std::string, double> figures_of_summary(const Json& summary, const std::string& relation) {
  std::map<std::string, double> figures;
  const auto take = [&](const char* name, const std::string& place) {
    if (const auto value = number_at(summary, place)) figures[name] = *value;
  };
  for (const auto& [name, place] : kPlaces) take(name, place);
  // By triples: max_steps may end a run within an epoch.
  const auto an_epoch = number_at(summary, "/triples_per_epoch");
  const auto triples = number_at(summary, "/triples");
  if (an_epoch && triples && *triples > 0 && figures.count("seconds") > 0) {
    figures["seconds_per_epoch"] = figures["seconds"] * *an_epoch / *triples;
  }
  if (relation.empty()) return figures;
  for (const auto& [name, place] : kPlacesOfRelation) {
    std::string of_relation = place;
    const std::string sign = "RELATION";
    take(name, of_relation.replace(of_relation.find(sign), sign.size(), token_of(relation)));
  }
  if (figures.count("auprc") > 0 && figures.count("degree_auprc") > 0) {
    figures["auprc_above_degrees"] = figures["auprc"] - figures["degree_auprc"];
  }
  return figures;
}

const SeedValues& VariantResults::values(const std::string& figure) const {
  static const SeedValues none;
  const auto found = figures.find(figure);
  return found == figures.end() ? none : found->second;
}

Comparison comparison_of(HgtComparison kind, const std::string& relation,
                         const std::vector<std::string>& variants,
                         const std::vector<ComparedResult>& results) {
  Comparison comparison;
  comparison.kind = kind;
  comparison.relation = relation;
  for (const std::string& name : variants) {
    VariantResults variant;
    variant.name = name;
    for (const ComparedResult& result : results) {
      if (result.variant != name) continue;
      if (!result.problem.empty()) {
        variant.problems.push_back(fmt::format("seed {}: {}", result.seed, result.problem));
        continue;
      }
      ++variant.done;
      if (!result.verdict.empty()) ++variant.verdicts[result.verdict];
      for (const auto& [figure, value] : result.figures) {
        variant.figures[figure][result.seed] = value;
      }
    }
    comparison.variants.push_back(std::move(variant));
  }
  return comparison;
}

Json to_json(const Comparison& comparison) {
  Json record = {{"relation", comparison.relation.empty() ? Json() : Json(comparison.relation)},
                 {"quality", comparison.quality()},
                 {"cost", comparison.cost()},
                 {"confidence", kConfidence}};
  record["variants"] = Json::array();
  record["differences"] = Json::array();
  for (const VariantResults& variant : comparison.variants) {
    record["variants"].push_back(record_of(variant));
  }
  for (std::size_t i = 1; i < comparison.variants.size(); ++i) {
    record["differences"].push_back(
        record_of_difference(comparison.variants.front(), comparison.variants[i]));
  }
  return record;
}

}  // namespace hgnn_moe::hgt
