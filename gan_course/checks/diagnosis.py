"""The judge of "diagnose these runs": one cause for each patient."""

from dataclasses import dataclass

from gan_course.checks.engine import Wrong


@dataclass(frozen=True)
class Diagnosis:
    """Called with a learner's dictionary from patient to cause; gives `well` where it is right, else raises Wrong.

    truth: patient to cause. causes: every word that may be answered. slips: (patient, wrong cause, reason, message),
    the first that fits is told. look: where to look again, when no slip fits.
    """

    truth: dict[str, str]
    causes: tuple[str, ...]
    slips: list[tuple[str, str, str, str]]
    look: str
    well: str

    def __call__(self, answer) -> str:
        if not isinstance(answer, dict) or set(answer) != set(self.truth):
            first, *_, last = self.truth
            raise Wrong(f'Give a dictionary with the keys "{first}" to "{last}".', "keys")
        unknown = sorted({str(cause) for cause in answer.values()} - set(self.causes))
        if unknown:
            raise Wrong(f"The causes are: {', '.join(self.causes)}. There is no `{unknown[0]}`.", "words")
        for name, cause, reason, message in self.slips:
            if answer[name] == cause:
                raise Wrong(message, reason)
        wrong = [name for name, cause in self.truth.items() if answer[name] != cause]
        if wrong:
            raise Wrong(f"Look again at {' and '.join(wrong)}{self.look}", "other")
        return self.well
