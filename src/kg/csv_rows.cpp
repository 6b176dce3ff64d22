#include "csv_rows.h"

namespace hgnn_moe::kg {

constexpr std::size_t kBlockSize = 1 << 20;

CsvRows::CsvRows(const TextSink& sink) : sink_(sink) {
  block_ =
      "relation,display_relation,x_index,x_id,x_type,x_name,x_source,"
      "y_index,y_id,y_type,y_name,y_source\n";
}

void CsvRows::add(std::string_view relation, std::string_view display, const CsvNode& x,
                  const CsvNode& y) {
  add_field(relation);
  block_ += ',';
  add_field(display);
  add_node(x);
  add_node(y);
  block_ += '\n';
  if (block_.size() < kBlockSize) return;
  sink_(block_);
  block_.clear();
}

void CsvRows::finish() {
  sink_(block_);
  block_.clear();
}

void CsvRows::add_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    block_ += text;
    return;
  }
  block_ += '"';
  for (const char character : text) {
    if (character == '"') block_ += '"';
    block_ += character;
  }
  block_ += '"';
}

void CsvRows::add_node(const CsvNode& node) {
  block_ += ',';
  block_ += std::to_string(node.index);
  for (const std::string_view field :
       {std::string_view(node.id), node.type, std::string_view(node.name), node.source}) {
    block_ += ',';
    add_field(field);
  }
}

std::string collected(const std::function<void(const TextSink&)>& generate) {
  std::string text;
  generate([&](std::string_view piece) { text += piece; });
  return text;
}

}  // namespace hgnn_moe::kg
