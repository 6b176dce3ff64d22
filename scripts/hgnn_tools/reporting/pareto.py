"""Which configurations no other beats in both cost and loss."""

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Places of the points (cost, loss) that no other point reaches in both, by rising cost.

    Of equal points the first counts.
    """
    order = sorted(range(len(points)), key=lambda place: points[place])
    front: list[int] = []
    for place in order:
        if not front or points[place][1] < points[front[-1]][1]:
            front.append(place)
    return front
