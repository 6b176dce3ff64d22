#include "written_embeddings.h"

#include "hgnn_moe/hgt/embedding_report.h"

namespace hgnn_moe::hgt {

Grade write_judged(const std::filesystem::path& path, const Embeddings& embeddings,
                   std::int64_t seed, spdlog::logger& log) {
  write_embeddings(path, embeddings);
  const Grade grade = judge(report_on(embeddings, seed)).grade;
  const bool is_good = grade == Grade::good;
  log.log(is_good ? spdlog::level::info : spdlog::level::warn,
          "{}: {} nodes of {} types with {} numbers each; verdict: {}{}", path.string(),
          embeddings.nodes(), embeddings.type_names.size(), embeddings.width(),
          names_of(grade)[static_cast<std::size_t>(grade)],
          is_good ? "" : " (hgt_embed validate tells why)");
  return grade;
}

}  // namespace hgnn_moe::hgt
