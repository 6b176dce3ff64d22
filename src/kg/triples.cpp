#include "graph_builder.h"
#include "row_checks.h"

#include "hgnn_moe/kg/readers.h"
#include "hgnn_moe/kg/records.h"

namespace hgnn_moe::kg {
namespace {

constexpr std::size_t kFields = 3;
constexpr const char* kNodeType = "entity";

void read_part(const NamedText& file, GraphBuilder& builder) {
  ErrorList errors(file.name);
  Records records(file.text, Records::Format::tsv, errors);
  const RowChecks checks(records, errors);
  ColumnLookup relation(builder.relation_names, "the relation", ColumnLookup::Empty::refused,
                        checks);
  const std::int32_t type = builder.types.find_or_add(kNodeType);
  const std::int32_t source = builder.sources.find_or_add("");
  const auto node = [&](const char* what, std::string_view id) {
    const std::int32_t known = builder.nodes().size();
    const std::int32_t node = builder.node({type, source, id}, id);
    if (node == known) checks.require_text(what, id);
    return node;
  };
  builder.begin_part(file.name);
  while (records.next()) {
    const auto& fields = records.fields();
    if (fields.size() != kFields) {
      errors.add(records.line(),
                 "there are {} fields; separate a head, a relation and a tail by tabs",
                 fields.size());
      continue;
    }
    const std::int32_t head = node("the head", fields[0]);
    const std::int32_t name = relation(fields[1]);
    const std::int32_t tail = node("the tail", fields[2]);
    const std::int32_t label = builder.labels.find_or_add(fields[1]);
    builder.add_edge(builder.edge_kind({type, name, type, label}, Direction::unknown),
                     {head, tail});
  }
  errors.throw_if_any();
  builder.count_blank_lines(records.blank_lines());
}

}  // namespace

std::vector<LoadedGraph> read_triples(const std::vector<NamedText>& files) {
  GraphBuilder builder;
  for (const NamedText& file : files) read_part(file, builder);
  return builder.finish();
}

}  // namespace hgnn_moe::kg
