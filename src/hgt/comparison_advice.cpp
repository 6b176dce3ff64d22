#include "hgnn_moe/hgt/comparison_advice.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "hgnn_moe/base/text.h"

namespace hgnn_moe::hgt {

namespace {

// What the second of two variants is to the first.
struct Relative {
  SeedSummary quality;  // less the first's
  SeedSummary cost;     // of the first's

  bool is_worse() const { return quality.excludes(0.0) && *quality.mean < 0.0; }
  bool is_dearer() const { return cost.excludes(1.0) && *cost.mean > 1.0; }
};

class Adviser {
 public:
  explicit Adviser(const Comparison& comparison)
      : comparison_(comparison), quality_(comparison.quality()), cost_(comparison.cost()) {}

  Advice advise() const {
    std::vector<const VariantResults*> left;
    for (const VariantResults& variant : comparison_.variants) {
      if (obstacle(variant).empty()) left.push_back(&variant);
    }
    if (left.empty()) return {"", "None can be recommended: " + obstacles() + "."};
    if (left.size() == 1) return use(*left.front());
    if (lacks_intervals(left)) {
      return {"",
              "None is recommended: without a second seed there is no interval, so that no "
              "difference can be told from that of seeds; give at least two --seeds."};
    }
    left = without(left, [](const Relative& to_other) { return to_other.is_worse(); });
    left = without(left, [](const Relative& to_other) { return to_other.is_dearer(); });
    return use(*left.front());
  }

 private:
  // Why a variant is out of the question; "" where it is not.
  std::string obstacle(const VariantResults& variant) const {
    if (!variant.problems.empty()) {
      return fmt::format("{} is not done ({})", variant.name, variant.problems.front());
    }
    if (variant.verdicts.count("collapsed") > 0) {
      return fmt::format("the embeddings of {} have collapsed", variant.name);
    }
    if (variant.values(quality_).empty()) {
      return fmt::format("{} has no {}", variant.name, title(quality_));
    }
    return "";
  }

  std::string obstacles() const {
    std::vector<std::string> texts;
    for (const VariantResults& variant : comparison_.variants) texts.push_back(obstacle(variant));
    return join(texts, "; ");
  }

  Relative relative(const VariantResults& first, const VariantResults& second) const {
    return {paired_difference(first.values(quality_), second.values(quality_)),
            paired_ratio(first.values(cost_), second.values(cost_))};
  }

  bool lacks_intervals(const std::vector<const VariantResults*>& variants) const {
    return std::any_of(variants.begin(), variants.end(), [&](const auto* variant) {
      return !relative(*variants.front(), *variant).quality.interval;
    });
  }

  // Those that no other one speaks against, or all where that leaves none: clear differences need
  // not be in an order, and could go round in a circle.
  template <typename Against>
  std::vector<const VariantResults*> without(const std::vector<const VariantResults*>& variants,
                                             Against is_against) const {
    std::vector<const VariantResults*> left;
    std::copy_if(variants.begin(), variants.end(), std::back_inserter(left), [&](const auto* one) {
      return std::none_of(variants.begin(), variants.end(),
                          [&](const auto* other) { return is_against(relative(*other, *one)); });
    });
    return left.empty() ? variants : left;
  }

  Advice use(const VariantResults& chosen) const {
    std::vector<std::string> reasons;
    bool is_close = false;  // nothing that was measured speaks for it
    for (const VariantResults& other : comparison_.variants) {
      if (other.name == chosen.name) continue;
      const std::string why_not = obstacle(other);
      reasons.push_back(why_not.empty() ? difference(chosen, other) : why_not);
      const Relative to_chosen = relative(chosen, other);
      is_close = is_close || (why_not.empty() && !to_chosen.is_worse() && !to_chosen.is_dearer());
    }
    std::string why = fmt::format("Use {}: {}.", chosen.name, join(reasons, "; "));
    if (is_close) why += " What cannot be told apart is taken in the order of the table.";
    return {chosen.name, why};
  }

  std::string difference(const VariantResults& chosen, const VariantResults& other) const {
    const Relative to_chosen = relative(chosen, other);
    const std::string quality = quality_text(other.name, to_chosen.quality);
    const SeedSummary& cost = to_chosen.cost;
    if (!cost.excludes(1.0)) {
      return fmt::format("{}, and its {} does not differ beyond seeds", quality, cost_title());
    }
    const bool speaks_for_other = to_chosen.is_worse() && *cost.mean < 1.0;
    return fmt::format("{}, {} it takes {:.2f} times the {} ({:.2f} to {:.2f})", quality,
                       speaks_for_other ? "though" : "and", *cost.mean, cost_title(),
                       cost.interval->low, cost.interval->high);
  }

  std::string quality_text(const std::string& other, const SeedSummary& difference) const {
    const auto interval = fmt::format("{:+.4f}, 95 % interval {:+.4f} to {:+.4f}", *difference.mean,
                                      difference.interval->low, difference.interval->high);
    if (!difference.excludes(0.0)) {
      return fmt::format("the {} of {} does not differ beyond seeds ({})", title(quality_), other,
                         interval);
    }
    return fmt::format("the {} of {} is {} ({})", title(quality_), other,
                       *difference.mean < 0.0 ? "lower" : "higher", interval);
  }

  static std::string title(const std::string& figure) { return figure_named(figure).title; }
  std::string cost_title() const { return cost_ == "seconds" ? "time of training" : "peak memory"; }

  const Comparison& comparison_;
  std::string quality_;
  std::string cost_;
};

}  // namespace

Advice advice_on(const Comparison& comparison) { return Adviser(comparison).advise(); }

}  // namespace hgnn_moe::hgt
