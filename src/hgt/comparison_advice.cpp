#include "hgnn_moe/hgt/comparison_advice.h"

#include <algorithm>
#include <map>
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

// Made to be worse: what the others are measured against, and of no use to anybody.
bool is_control(const VariantResults& variant) {
  return variant.name == "shuffled" || variant.name == "ones";
}

class Adviser {
 public:
  explicit Adviser(const Comparison& comparison)
      : comparison_(comparison), quality_(comparison.quality()), cost_(comparison.cost()) {}

  Advice advise() {
    std::vector<const VariantResults*> left, measured;
    for (const VariantResults& variant : comparison_.variants) {
      if (!obstacle(variant).empty()) continue;
      measured.push_back(&variant);
      if (!is_control(variant)) left.push_back(&variant);
    }
    if (left.empty()) return {"", "None can be recommended: " + obstacles() + "."};
    if (measured.size() > 1) {
      if (const std::string why = lack_of_intervals(measured); !why.empty()) return {"", why};
    }
    left = without(
        left, [](const Relative& to_other) { return to_other.is_worse(); },
        [&](const auto& other, const auto& one) {
          return quality_text(other, one, relative(other, one).quality);
        });
    left = without(
        left, [](const Relative& to_other) { return to_other.is_dearer(); },
        [&](const auto& other, const auto& one) {
          return fmt::format("{} takes {}", one.name, cost_text(other, one));
        });
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
    for (const VariantResults& variant : comparison_.variants) {
      const std::string text = obstacle(variant);
      texts.push_back(text.empty() ? variant.name + " is a control" : text);
    }
    return join(texts, "; ");
  }

  Relative relative(const VariantResults& first, const VariantResults& second) const {
    return {paired_difference(first.values(quality_), second.values(quality_)),
            paired_ratio(first.values(cost_), second.values(cost_))};
  }

  std::string lack_of_intervals(const std::vector<const VariantResults*>& variants) const {
    const VariantResults& first = *variants.front();
    for (const VariantResults* variant : variants) {
      if (variant == &first || relative(first, *variant).quality.interval) continue;
      return fmt::format(
          "None is recommended: fewer than two seeds have the {} of {} and {}, so that no "
          "difference can be told from that of seeds; give at least two --seeds.",
          title(quality_), first.name, variant->name);
    }
    return "";
  }

  // Those that no other one speaks against, or all where that leaves none: clear differences need
  // not be in an order, and could go round in a circle. Why the others are out is noted.
  template <typename Against, typename Why>
  std::vector<const VariantResults*> without(const std::vector<const VariantResults*>& variants,
                                             Against is_against, Why why) {
    std::vector<const VariantResults*> left;
    std::map<std::string, std::string> out;
    for (const VariantResults* one : variants) {
      const auto other = std::find_if(variants.begin(), variants.end(), [&](const auto* candidate) {
        return is_against(relative(*candidate, *one));
      });
      if (other == variants.end()) {
        left.push_back(one);
      } else {
        out[one->name] = why(**other, *one);
      }
    }
    if (left.empty()) return variants;
    left_out_.merge(out);
    return left;
  }

  Advice use(const VariantResults& chosen) const {
    std::vector<std::string> reasons;
    bool is_close = false;  // nothing that was measured speaks for it
    for (const VariantResults& other : comparison_.variants) {
      if (other.name == chosen.name) continue;
      const std::string why_not = obstacle(other);
      reasons.push_back(why_not.empty() ? difference(chosen, other) : why_not);
      is_close = is_close || (why_not.empty() && !is_control(other) && !is_left_out(other));
    }
    std::string why = fmt::format("Use {}: {}.", chosen.name, join(reasons, "; "));
    if (is_close) why += " What cannot be told apart is taken in the order of the table.";
    return {chosen.name, why};
  }

  bool is_left_out(const VariantResults& variant) const {
    return left_out_.count(variant.name) > 0;
  }

  // What speaks against `other`, and where that is a third one, that one too.
  std::string difference(const VariantResults& chosen, const VariantResults& other) const {
    const Relative to_chosen = relative(chosen, other);
    if (is_left_out(other) && !to_chosen.is_worse() && !to_chosen.is_dearer()) {
      return left_out_.at(other.name);
    }
    std::string text = quality_text(chosen, other, to_chosen.quality);
    if (to_chosen.cost.excludes(1.0)) {
      const bool speaks_for_other = to_chosen.is_worse() && *to_chosen.cost.mean < 1.0;
      text += fmt::format(", {} it takes {}", speaks_for_other ? "though" : "and",
                          cost_text(chosen, other));
    } else {
      text += fmt::format(", and its {} does not differ beyond seeds", cost_title());
    }
    return is_control(other) ? text + fmt::format(" ({} is a control)", other.name) : text;
  }

  // Of a cost whose interval leaves 1 out.
  std::string cost_text(const VariantResults& first, const VariantResults& other) const {
    const SeedSummary cost = relative(first, other).cost;
    return fmt::format("{:.2f} times the {} of {} ({:.2f} to {:.2f})", *cost.mean, cost_title(),
                       first.name, cost.interval->low, cost.interval->high);
  }

  // Of a difference that has an interval.
  std::string quality_text(const VariantResults& first, const VariantResults& other,
                           const SeedSummary& difference) const {
    const auto interval =
        fmt::format("({:+.4f}, 95 % interval {:+.4f} to {:+.4f})", *difference.mean,
                    difference.interval->low, difference.interval->high);
    if (!difference.excludes(0.0)) {
      return fmt::format("the {} of {} does not differ beyond seeds from that of {} {}",
                         title(quality_), other.name, first.name, interval);
    }
    return fmt::format("the {} of {} is {} than that of {} {}", title(quality_), other.name,
                       *difference.mean < 0.0 ? "lower" : "higher", first.name, interval);
  }

  static std::string title(const std::string& figure) { return figure_named(figure).title; }
  std::string cost_title() const { return cost_ == "seconds" ? "time of training" : "peak memory"; }

  const Comparison& comparison_;
  std::string quality_;
  std::string cost_;
  std::map<std::string, std::string> left_out_;  // why, by variant
};

}  // namespace

Advice advice_on(const Comparison& comparison) { return Adviser(comparison).advise(); }

}  // namespace hgnn_moe::hgt
