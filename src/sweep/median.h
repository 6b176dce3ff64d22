#pragma once

#include <vector>

namespace hgnn_moe {

// Of at least one value; of an even number the mean of the two in the middle.
double median(std::vector<double> values);

}  // namespace hgnn_moe
