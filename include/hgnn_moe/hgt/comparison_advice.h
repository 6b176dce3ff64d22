// Which variant of a comparison to use, and why.
#pragma once

#include <string>

#include "hgnn_moe/hgt/comparison.h"

namespace hgnn_moe::hgt {

struct Advice {
  std::string use;  // a variant; "" where none can be recommended
  std::string why;  // one or two sentences
};

// By these rules, in this order; a difference is clear where its 95 % interval over seeds leaves 0
// out (of ratios 1), and none that is not clear is called one:
//
// 1. A variant with a run that is not done, or with collapsed embeddings, is not recommended, nor a
//    control: edges that are shuffled, features that are ones.
// 2. Nor is one whose quality is clearly below that of another.
// 3. Nor is one that costs clearly more than another one that is left.
// 4. Of those left then, the first one.
//
// One seed gives no interval: then nothing is recommended, but where all others have failed or
// collapsed. Of each variant that is not recommended the advice tells what spoke against it.
Advice advice_on(const Comparison& comparison);

}  // namespace hgnn_moe::hgt
