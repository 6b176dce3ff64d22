// What PyTorch's dispatcher knows of this library: the schemas. Each operation's own file registers
// its kernels (CPU, CUDA, Meta) and its derivative (Autograd).
#include <torch/library.h>

TORCH_LIBRARY(hgnn_moe, m) {
  m.def(
      "incidence_csr(Tensor hyperedge_index, int num_experts, int num_hyperedges) -> "
      "(Tensor node_offsets, Tensor node_hyperedges, Tensor hyperedge_offsets, "
      "Tensor hyperedge_nodes)");
  m.def(
      "mixing_matrix(Tensor node_offsets, Tensor node_hyperedges, Tensor hyperedge_offsets, "
      "Tensor hyperedge_nodes, Tensor weights, str weighting) -> Tensor");

  m.def("expert_mix(Tensor mixing, Tensor x) -> Tensor");
  m.def("expert_mix_mixing_gradient(Tensor d_out, Tensor mixing, Tensor x) -> Tensor");

  m.def(
      "hypergraph_mix(Tensor x, Tensor node_offsets, Tensor node_hyperedges, "
      "Tensor hyperedge_offsets, Tensor hyperedge_nodes, Tensor weights, str weighting, "
      "Tensor? bias) -> Tensor");
  m.def(
      "hypergraph_mix_gradient(Tensor d_out, Tensor x, Tensor node_offsets, "
      "Tensor node_hyperedges, Tensor hyperedge_offsets, Tensor hyperedge_nodes, Tensor weights, "
      "str weighting, bool with_bias) -> (Tensor d_x, Tensor d_weights, Tensor d_bias)");
  m.def(
      "hypergraph_conv(Tensor x, Tensor node_offsets, Tensor node_hyperedges, "
      "Tensor hyperedge_offsets, Tensor hyperedge_nodes, Tensor weights, str weighting, "
      "Tensor? theta, Tensor? bias) -> Tensor");
  m.def(
      "collapsed_hypergraph(Tensor x, Tensor mixing, Tensor[] thetas, Tensor[] biases, "
      "Tensor? out_weight, Tensor? out_bias) -> Tensor");

  m.def(
      "gnn_message(Tensor x, Tensor message_weight, Tensor message_bias, "
      "Tensor adjacency_logits) -> Tensor");
  m.def(
      "gnn_update(Tensor x, Tensor message, Tensor self_weight, Tensor self_bias, "
      "Tensor neighbor_weight, Tensor neighbor_bias) -> Tensor");
  m.def(
      "gnn_message_gradient(Tensor d_out, Tensor x, Tensor message_weight, Tensor message_bias, "
      "Tensor adjacency_logits) -> (Tensor d_x, Tensor d_message_weight, Tensor d_message_bias, "
      "Tensor d_adjacency_logits)");

  m.def(
      "hgt_edges(Tensor sources, Tensor destinations, Tensor relations, int num_sources, "
      "int num_destinations) -> (int[] relations, Tensor lists)");
  m.def(
      "hgt_attention(Tensor k, Tensor q, Tensor v, Tensor k_rel, Tensor v_rel, Tensor p_rel, "
      "int[] relations, Tensor lists) -> Tensor");
}
