"""The report of a sweep, put together."""

from collections.abc import Callable, Iterable, Iterator

from hgnn_tools.reporting.answers import answer_notes, answers
from hgnn_tools.reporting.configurations import Configuration, configurations_of, telling_options
from hgnn_tools.reporting.curves import band_of
from hgnn_tools.reporting.document import Block, Document, Gallery, Points, Section
from hgnn_tools.reporting.efficiency import cost_table, parameter_table, speed_warning
from hgnn_tools.reporting.equal_loss import equal_loss_table
from hgnn_tools.reporting.expectations import expectation_table
from hgnn_tools.reporting.picture import Picture
from hgnn_tools.reporting.plot_curves import draw_curves
from hgnn_tools.reporting.plot_parameters import draw_parameters
from hgnn_tools.reporting.plot_pareto import COSTS, draw_pareto, pareto_table
from hgnn_tools.reporting.plot_questions import draw_differences, draw_losses
from hgnn_tools.reporting.question_table import question_table
from hgnn_tools.reporting.questions import Question, questions_of
from hgnn_tools.reporting.run_tables import all_runs_table, failure_table, left_out_table
from hgnn_tools.reporting.sweep_checks import STATUSES
from hgnn_tools.reporting.sweep_folder import Sweep
from hgnn_tools.reporting.sweep_warnings import warnings_on
from hgnn_tools.reporting.targets import differing_targets, do_not_compare
from hgnn_tools.wording import plural

LOSS_WORDS = {
    "best_eval_loss": "the lowest evaluation loss of a run",
    "final_eval_loss": "the evaluation loss at the end of a run",
}


def build_report(sweep: Sweep, loss_key: str, draws: bool = True) -> Document:
    """`loss_key` names the loss that all tables and pictures are about; without `draws` there are
    no pictures."""
    return SweepReport(sweep, loss_key, draws).document()


class SweepReport:
    def __init__(self, sweep: Sweep, loss_key: str, draws: bool) -> None:
        self.sweep = sweep
        self.loss_key = loss_key
        self.draws = draws
        self.synthetic = sweep.synthetic_rows > 0
        self.questions = questions_of(sweep, loss_key)
        self.configurations = configurations_of(sweep, sweep.rows, loss_key)
        self.options = telling_options(self.configurations, (), sweep.varied)

    def document(self) -> Document:
        parts = [
            ("In short", self.summary()),
            *((question.title, self.question(question)) for question in self.questions),
            ("Loss against cost", self.costs()),
            ("Efficiency", self.efficiency()),
            ("Expected and measured", [expectation_table(self.sweep, self.loss_key)]),
            ("Failures", [failure_table(self.sweep)]),
            ("Combinations left out", [left_out_table(self.sweep)]),
            ("All runs", [all_runs_table(self.sweep, self.configurations)]),
        ]
        sections = [
            Section(title, blocks)
            for title, found in parts
            if (blocks := tuple(block for block in found if block))
        ]
        return Document(
            title=f"Sweep {self.sweep.name}" + (" (SYNTHETIC DATA)" if self.synthetic else ""),
            lead=self.sweep.description,
            facts=tuple(self.facts()),
            warnings=tuple(warnings_on(self.sweep)),
            sections=tuple(sections),
        )

    def facts(self) -> Iterator[str]:
        counts = {status: self.sweep.count(status) for status in STATUSES}
        told = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
        seeds = len({row.seed for row in self.sweep.rows})
        yield (
            f"{plural(len(self.sweep.rows), 'run')} ({told}),"
            f" {plural(len(self.configurations), 'configuration')}, seeds: {seeds}."
            f" Losses are {LOSS_WORDS[self.loss_key]}, in nats a token."
            + (f" Commit {self.sweep.commit}." if self.sweep.commit else "")
        )
        if not self.sweep.has_times:
            yield (
                "Times are left out: these runs shared their cores with other work, which changes"
                " what they took and none of their losses."
            )
        yield "E: experts, D: embed_dim, L: layers, G: coupler layers, rate: learning_rate."

    def summary(self) -> list[Block]:
        failed = self.sweep.count("failed")
        return [
            Points(answers(self.questions)),
            *answer_notes(self.questions),
            f"Failed runs: {failed}; their reasons are below." if failed else "",
        ]

    def question(self, question: Question) -> list[Block | None]:
        if not question.configurations:
            return ["No run of the sweep meets the conditions of this question."]
        return [
            question_table(question),
            equal_loss_table(question),
            self.gallery(lambda: self.question_pictures(question)),
        ]

    def question_pictures(self, question: Question) -> Iterator[Picture | None]:
        yield draw_losses(question, self.synthetic)
        yield draw_differences(question, self.synthetic)
        yield from self.question_curves(question)

    def question_curves(self, question: Question) -> list[Picture]:
        bands = {
            id(one): band
            for one in question.configurations
            if (band := band_of(question.label(one), [(row.seed, row.curve) for row in one.done]))
        }
        if not bands:
            return []
        places = {key: place for place, key in enumerate(bands)}
        partners = {
            places[id(one.configuration)]: places[id(one.baseline)]
            for one in question.comparisons.values()
            if id(one.configuration) in places and id(one.baseline) in places
        }
        name, loss = f"curves-{question.number}", LOSS_WORDS[self.loss_key]
        found = list(bands.values())
        return list(draw_curves(name, "Learning curves", found, loss, self.synthetic, partners))

    def costs(self) -> list[Block | None]:
        def pictures() -> Iterator[Picture | None]:
            for cost in COSTS:
                yield draw_pareto(self.configurations, self.options, cost, self.synthetic)

        targets = differing_targets(one for one in self.configurations if one.done)
        if targets:
            return [f"No Pareto front: the configurations have {do_not_compare(targets)}."]
        return [self.gallery(pictures), pareto_table(self.configurations, self.options)]

    def efficiency(self) -> list[Block | None]:
        finished: list[Configuration] = [one for one in self.configurations if one.done]
        if not finished:
            return []
        return [
            parameter_table(finished, self.options),
            self.gallery(lambda: [draw_parameters(finished, self.options, self.synthetic)]),
            speed_warning(finished),
            cost_table(finished, self.options),
        ]

    def gallery(self, draw: Callable[[], Iterable[Picture | None]]) -> Gallery | None:
        """Pictures take most of the time of a report, so they are drawn where they are wanted."""
        found = tuple(one for one in draw() if one is not None) if self.draws else ()
        return Gallery(found) if found else None
