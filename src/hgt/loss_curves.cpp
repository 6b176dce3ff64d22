#include "loss_curves.h"

#include <fstream>
#include <string>

#include <fmt/format.h>

#include "hgnn_moe/base/files.h"
#include "hgnn_moe/base/json.h"

namespace hgnn_moe::hgt {

namespace {

std::string rows_of(const ComparedResult& result) {
  std::string rows;
  double seconds = 0.0;
  std::ifstream lines(std::filesystem::path(result.folder) / "metrics.jsonl");
  for (std::string line; std::getline(lines, line);) {
    // A killed run may leave a part of a line.
    const Json event = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!event.is_object() || event.value("event", "") != "step") continue;
    for (const char* part : {"data_ms", "forward_ms", "backward_ms", "optimizer_ms"}) {
      seconds += 1e-3 * event.at(part).get<double>();
    }
    rows += fmt::format("{},{},{},{},{},{:.6f}\n", result.variant, result.seed,
                        event.at("step").get<std::int64_t>(), event.at("epoch").get<std::int64_t>(),
                        event.at("loss").get<double>(), seconds);
  }
  return rows;
}

}  // namespace

void write_loss_curves(const std::filesystem::path& file,
                       const std::vector<ComparedResult>& results) {
  AtomicFile out(file);
  const std::string header = "variant,seed,step,epoch,loss,seconds\n";
  out.write(header.data(), header.size());
  for (const ComparedResult& result : results) {
    const std::string rows = rows_of(result);
    out.write(rows.data(), rows.size());
  }
  out.commit();
}

}  // namespace hgnn_moe::hgt
