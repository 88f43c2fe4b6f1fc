"""Mails to the artists whose plug-ins are carried over, sent once the change is kept."""

from __future__ import annotations

from market.accounts.mailing import moment, write_to
from market.carrying.models import CarryOver, CarryOverState


def carried_over(done: CarryOver) -> None:
    """Ask an artist for an answer, or say that there is nothing to answer."""
    plugin, target = done.version.plugin, done.upgrade.target
    if done.state == CarryOverState.UNFIT:
        text = (
            f"{plugin.base} has a next generation, {target}. Your plug-in {plugin} was carried over, but what came of it draws too "
            f"differently to be offered. It goes on selling on {plugin.base}. You can make it anew for {target} from its works."
        )
        _tell(done, f"{plugin} could not be carried over to {target}", text)
        return
    assert done.due_at is not None  # noqa: S101, a constraint: what is offered has a deadline
    text = (
        f"{plugin.base} has a next generation, {target}. Your plug-in {plugin} was carried over, without your works. Compare what it "
        f"draws on both, and accept or decline until {moment(done.due_at)}. If you do not answer, that counts as no. Nothing is drawn "
        f"with it before you accept; on {plugin.base} it goes on selling in any case."
    )
    _tell(done, f"Is {plugin} to be offered on {target}?", text)


def lapsed(done: CarryOver) -> None:
    plugin, target = done.version.plugin, done.upgrade.target
    _tell(
        done,
        f"{plugin} stays on {plugin.base}",
        f"You did not answer whether {plugin} is to be offered on {target}, so it is not. You can still accept it.",
    )


def _tell(done: CarryOver, subject: str, text: str) -> None:
    write_to([done.version.plugin.owner], subject, text, done.get_absolute_url())
