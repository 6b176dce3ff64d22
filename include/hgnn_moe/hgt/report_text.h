// A report and its verdict for people and for programs.
#pragma once

#include <string>

#include "hgnn_moe/base/json.h"
#include "hgnn_moe/hgt/embedding_report.h"
#include "hgnn_moe/hgt/embedding_verdict.h"

namespace hgnn_moe::hgt {

// Two tables, then the thresholds, their findings and the verdict. Ends in a newline.
std::string to_table(const EmbeddingReport& report, const Verdict& verdict);

// Everything, with spectra, histograms and points. What is not computed is null.
Json to_json(const EmbeddingReport& report, const Verdict& verdict);

}  // namespace hgnn_moe::hgt
