"""Small words around numbers."""

from collections.abc import Sequence


def plural(number: int | None, what: str) -> str:
    """'1 run', '2 runs'; 'None layers' where a file does not say."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def seeds_told(seeds: Sequence[int]) -> str:
    """'seed 1', 'seeds 1, 2', 'seeds 1 to 5, 9': runs of three and more in short."""
    if not seeds:
        return "no seed"
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {in_short(seeds)}"


def in_short(numbers: Sequence[int]) -> str:
    blocks: list[list[int]] = []
    for number in sorted(numbers):
        if blocks and number == blocks[-1][-1] + 1:
            blocks[-1].append(number)
        else:
            blocks.append([number])
    return ", ".join(
        f"{block[0]} to {block[-1]}" if len(block) > 2 else ", ".join(map(str, block))
        for block in blocks
    )


def cut_in_the_middle(text: str, longest: int) -> str:
    """What tells names apart stands at their ends."""
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[: longest - 1 - half]}…{text[-half:]}"
