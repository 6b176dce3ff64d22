"""The same layer three ways: torch_geometric's, plain PyTorch's and ours, on one set of weights."""

from __future__ import annotations

from collections.abc import Callable
import math

import torch
from torch import Tensor
from torch.nn import functional
from torch_geometric.nn import HGTConv

from hgt.problem import FEATURES, HEADS, Problem

Features = dict[str, Tensor]
Layer = Callable[[Features], Features]


def make_conv(problem: Problem) -> HGTConv:
    torch.manual_seed(1)
    return HGTConv(FEATURES, FEATURES, problem.metadata, HEADS)


class EdgesOfAllTypes:
    """Heads and tails that have an edge, one type behind the other, and edges between them."""

    def __init__(self, problem: Problem) -> None:
        self.heads = self._used(problem, 0)
        self.tails = self._used(problem, 1)
        head_first, tail_first = self._first(self.heads), self._first(self.tails)
        self.num_heads = sum(map(len, self.heads.values()))
        self.num_tails = sum(map(len, self.tails.values()))
        sources, destinations, relations = [], [], []
        for r, ((head, _, tail), pairs) in enumerate(problem.edges.items()):
            sources.append(torch.searchsorted(self.heads[head], pairs[0]) + head_first[head])
            destinations.append(torch.searchsorted(self.tails[tail], pairs[1]) + tail_first[tail])
            relations.append(torch.full_like(pairs[0], r))
        self.sources, self.destinations = sources, destinations  # of each relation
        self.all_sources = torch.cat(sources)
        self.all_destinations = torch.cat(destinations)
        self.relations = torch.cat(relations)

    @staticmethod
    def _used(problem: Problem, end: int) -> dict[str, Tensor]:
        used: dict[str, list[Tensor]] = {node_type: [] for node_type in problem.node_types}
        for edge_type, pairs in problem.edges.items():
            used[edge_type[2 * end]].append(pairs[end])
        empty = torch.empty(0, dtype=torch.long)
        return {t: torch.cat([empty, *pieces]).unique() for t, pieces in used.items()}

    @staticmethod
    def _first(nodes: dict[str, Tensor]) -> dict[str, int]:
        first, result = 0, {}
        for node_type, of_type in nodes.items():
            result[node_type] = first
            first += len(of_type)
        return result


def _layer_with(
    conv: HGTConv, problem: Problem, edges: EdgesOfAllTypes, attention: Callable[..., Tensor]
) -> Layer:
    """All but attention over edges, as src/hgt/hgt_conv.cpp has it: nodes without edges are not
    projected."""
    relations = len(problem.edges)

    def relation_weights(weight: Tensor) -> Tensor:
        return weight.view(HEADS, relations, *weight.shape[1:]).transpose(0, 1)

    def layer(x: Features) -> Features:
        keys, queries, values = [], [], []
        for node_type, features in x.items():
            linear = conv.kqv_lin.lins[node_type]
            weights, biases = linear.weight.split(FEATURES), linear.bias.split(FEATURES)
            heads = features.index_select(0, edges.heads[node_type])
            tails = features.index_select(0, edges.tails[node_type])
            keys.append(functional.linear(heads, weights[0], biases[0]))
            queries.append(functional.linear(tails, weights[1], biases[1]))
            values.append(functional.linear(heads, weights[2], biases[2]))
        attended = attention(
            torch.cat(keys),
            torch.cat(queries),
            torch.cat(values),
            relation_weights(conv.k_rel.weight),
            relation_weights(conv.v_rel.weight),
            torch.cat([conv.p_rel["__".join(edge_type)] for edge_type in problem.edges]),
        )
        out, first = {}, 0
        for node_type, features in x.items():
            tails = edges.tails[node_type]
            linear = conv.out_lin.lins[node_type]
            reached = linear(functional.gelu(attended.narrow(0, first, len(tails))))
            first += len(tails)
            of_all = linear.bias.expand(len(features), FEATURES).index_copy(0, tails, reached)
            share = conv.skip[node_type].sigmoid()
            out[node_type] = share * of_all + (1 - share) * features
        return out

    return layer


def torch_geometric_layer(conv: HGTConv, problem: Problem) -> Layer:
    return lambda x: conv(x, problem.edges)


def plain_layer(conv: HGTConv, problem: Problem) -> Layer:
    """Keys and values projected once a relation and node, then a vector an edge of each."""
    edges = EdgesOfAllTypes(problem)
    dim = FEATURES // HEADS
    # Of each relation the sources with an edge of it, and the position of every edge's.
    positions = [sources.unique(return_inverse=True) for sources in edges.sources]
    to = edges.all_destinations

    def attention(k: Tensor, q: Tensor, v: Tensor, k_rel: Tensor, v_rel: Tensor, p_rel: Tensor):
        def projected(x: Tensor, nodes: Tensor, matrices: Tensor) -> Tensor:
            by_head = x.index_select(0, nodes).view(-1, HEADS, dim).transpose(0, 1)
            return torch.bmm(by_head, matrices).transpose(0, 1)

        scores, messages = [], []
        for r, (nodes, position) in enumerate(positions):
            keys = projected(k, nodes, k_rel[r]).index_select(0, position)
            queries = q.index_select(0, edges.destinations[r]).view(-1, HEADS, dim)
            scores.append((queries * keys).sum(-1) * (p_rel[r] / math.sqrt(dim)))
            messages.append(projected(v, nodes, v_rel[r]).index_select(0, position))
        score, message = torch.cat(scores), torch.cat(messages)
        largest = score.new_full((edges.num_tails, HEADS), -math.inf)
        index = to.unsqueeze(1).expand_as(score)
        largest = largest.scatter_reduce(0, index, score.detach(), "amax")
        weight = (score - largest.index_select(0, to)).exp()
        total = weight.new_zeros(edges.num_tails, HEADS).index_add(0, to, weight)
        weight = weight / total.index_select(0, to)
        weighted = (message * weight.unsqueeze(-1)).view(-1, FEATURES)
        return weighted.new_zeros(edges.num_tails, FEATURES).index_add(0, to, weighted)

    return _layer_with(conv, problem, edges, attention)


def our_layer(conv: HGTConv, problem: Problem) -> Layer:
    edges = EdgesOfAllTypes(problem)
    ops = torch.ops.hgnn_moe
    lists = ops.hgt_edges(
        edges.all_sources,
        edges.all_destinations,
        edges.relations,
        edges.num_heads,
        edges.num_tails,
    )
    return _layer_with(conv, problem, edges, lambda *inputs: ops.hgt_attention(*inputs, *lists))
