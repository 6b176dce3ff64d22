// Readers of knowledge graphs. All take the text of a file, which the caller may map, read it once
// from front to back and keep no part of it. Errors in it throw Error(data), up to ten together,
// one line each: the file, the line, the value and what to do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hgnn_moe/kg/graph.h"
#include "hgnn_moe/kg/load_report.h"

namespace hgnn_moe::kg {

struct NamedText {
  std::string_view text;
  std::string name;  // for errors and reports
};

struct LoadedGraph {
  Graph graph;
  LoadReport report;
};

// PrimeKG's kg.csv (https://github.com/mims-harvard/PrimeKG): comma-separated values as in RFC 4180
// with a header that has, in any order and among others, relation, display_relation, x_index, x_id,
// x_type, x_name, x_source and the same for y. A row is an edge from x to y. A node is known by
// type, source and id; its first name is kept; x_index is only compared.
LoadedGraph read_primekg(const NamedText& csv);

// Hetionet (https://github.com/hetio/hetionet): `nodes` has the columns id, name and kind, and
// `edges` source, metaedge and target, both separated by tabs; gzip is recognised. Metaedges of
// Hetionet 1.0 get the name of their relation ("CtD": Compound treats Disease); others keep theirs,
// with the types of their nodes. One with a mark ('>' or '<') is directed, others hold both ways.
LoadedGraph read_hetionet(const NamedText& nodes, const NamedText& edges);

// Lines "head TAB relation TAB tail" without header, all nodes of one type, `entity`. The files are
// parts of one graph (train, valid, test): each gives a graph with the nodes and relations of all.
std::vector<LoadedGraph> read_triples(const std::vector<NamedText>& files);

}  // namespace hgnn_moe::kg
