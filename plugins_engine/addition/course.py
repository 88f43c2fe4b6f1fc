"""The steps of a training: kept now and then, and gone on from after a loss."""

from collections.abc import Callable
from typing import Any

from plugins_engine.addition.lora import TrainableLora
from plugins_engine.checkpoints import Checkpoint
from plugins_engine.progress import Cancelled


class Course:
    """How far a training is. `beside` gives what else the next step depends on, to be kept with it. part: under which it is kept.

    losses: of every step so far, those of earlier attempts too. kept: what `beside` gave to the attempt that this one goes on
    from; None: this one begins.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        beside: Callable[[], dict[str, Any]] = dict,
        *,
        part: str = "training",
    ) -> None:
        self._checkpoint, self._beside, self._part = checkpoint, beside, part
        found = checkpoint.read(part)
        self.losses: list[float] = found["losses"] if found else []
        self.kept: dict[str, Any] | None = found["beside"] if found else None
        self._state: dict[str, Any] | None = found["lora"] if found else None
        self._kept_at = self.done

    @property
    def done(self) -> int:
        """How many steps are done."""
        return len(self.losses)

    def take_up(self, lora: TrainableLora) -> None:
        """Bring fresh factors to where the earlier attempt was, if there was one and this has not been done yet."""
        if self._state is not None:
            lora.restore(self._state)
            self._state = None

    def step(self, lora: TrainableLora, loss: float, tell: Callable[[], None]) -> None:
        """Note a step that was taken, keep it when it is time or when who is told of it stops the training."""
        self.losses.append(loss)
        if self._checkpoint.is_due:
            self.keep(lora)
        try:
            tell()
        except Cancelled:
            self.keep(lora)
            raise

    def keep(self, lora: TrainableLora) -> None:
        """Keep where the training is, unless that is done."""
        if self._kept_at != self.done:
            self._checkpoint.write(
                self._part, {"losses": self.losses, "beside": self._beside(), "lora": lora.state()}
            )
            self._kept_at = self.done
