"""Each kind of event of a campaign's journal as a step that a reader follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wattloop.report.page.blocks import Step
from wattloop.report.units import percent, signed

Event = Mapping[str, Any]

# Values of a set that a step shows.
_LISTED = 40


def _listed(values: Sequence[int]) -> str:
    if len(values) > _LISTED:
        return f"{len(values)} values from {values[0]} to {values[-1]}"
    return signed(", ".join(map(str, values)))


def _named(layers: Sequence[str]) -> str:
    return ", ".join(layers) if len(layers) <= 3 else f"{len(layers)} layers"


def _campaign(event: Event) -> Step:
    return Step(
        "campaign begins",
        f"methods: {', '.join(event['methods'])}; validation {percent(event['accuracy'])}; weights of 0 alone would "
        f"save {percent(event['limit'])} of the energy",
    )


def _values(event: Event) -> Step:
    most = "" if event["most_fj"] is None else f", the dearest at {event['most_fj']:.1f} fJ a MAC cycle"
    return Step(
        "values chosen",
        f"{len(event['values'])} values for {_named(event['layers'])}{most}: {_listed(event['values'])}",
    )


def _timed(event: Event) -> Step:
    return Step(
        "values timed",
        f"{len(event['weights'])} of {event['candidates']} values and {len(event['codes'])} activation codes settle "
        f"within {event['bound_ps']:g} ps on {_named(event['layers'])}",
    )


def _point(event: Event) -> Step:
    laid = ", laid onto the array at less cost" if event.get("mapped") else ""
    return Step(
        "network offered",
        f"{event['setting'] or event['method']}{laid}: validation {percent(event['accuracy'])}, "
        f"{event['energy_fj'] * 1e-6:.4g} nJ an image by tiles of training images",
        "done",
    )


def _loop(event: Event) -> Step:
    shares = ", ".join(f"{layer} {share:.1%}" for layer, share in zip(event["layers"], event["shares"], strict=True))
    return Step(
        "loop begins",
        f"int8 validation {percent(event['accuracy'])}, not to fall below {percent(event['bound'])}; "
        f"layers by share of the energy: {shares}",
    )


def _profiled(event: Event) -> Step:
    stale = f"; statistics older than the network: {', '.join(event['stale'])}" if event["stale"] else ""
    return Step("profiled", f"{_named(event['layers'])} by {event['origin']}{stale}")


def _layer(event: Event) -> Step:
    return Step(
        event["layer"],
        f"{event['energy_fj'] * 1e-6:.4g} nJ an image, {len(event['configurations'])} configurations to try, "
        f"bound {percent(event['bound'])}",
    )


def _pruned(event: Event) -> Step:
    went = percent(event["accuracy"]) if event["feasible"] else f"{percent(event['accuracy'])}, below the bound"
    return Step(
        "pruned",
        f"{event['ratio']:.0%} of {event['layer']}: validation {percent(event['accuracy_before_tuning'])}, "
        f"{went} after fine-tuning",
        "" if event["feasible"] else "refused",
    )


def _safe(event: Event) -> Step:
    holds = "holds" if event["holds"] else "does not hold"
    return Step(
        "safe set",
        f"{len(event['values'])} values {holds} the accuracy ({percent(event['accuracy'])}): "
        f"{_listed(event['values'])}",
        "" if event["holds"] else "refused",
    )


def _removals(event: Event) -> Step:
    tried = event["tried"]
    gone = [one["value"] for one in tried if one["accepted"]]
    kept = [one["value"] for one in tried if not one["accepted"]]
    essential = f"; essential: {_listed(kept)}" if kept else ""
    return Step("values removed", f"{len(gone)} of {len(tried)} tried: {_listed(gone)}{essential}")


def _configuration(event: Event) -> Step:
    reached = "" if event["accuracy"] is None else f"validation {percent(event['accuracy'])}, "
    taken = event["verdict"] == "accepted"
    return Step(
        "configuration",
        f"{event['ratio']:.0%} pruned, {event['set_size']} values: {reached}{event['verdict']}",
        "taken" if taken else "refused",
    )


def _settled(event: Event) -> Step:
    if event["ratio"] is None:
        return Step("settled", f"{event['layer']} is left as it was")
    exact = ""
    if event.get("tiles_fj") is not None and event.get("tiles_before_fj"):
        exact = f", {percent(1 - event['tiles_fj'] / event['tiles_before_fj'])} by tiles"
    saved = percent(1 - event["energy_fj"] / event["energy_before_fj"])
    return Step(
        "settled",
        f"{event['layer']}: {event['ratio']:.0%} pruned, {event['set_size']} values, saves {saved} by table{exact}; "
        f"validation {percent(event['accuracy'])}",
        "done",
    )


def _finished(event: Event) -> Step:
    saved = percent(1 - event["energy_fj"] / event["energy_before_fj"])
    return Step("loop ends", f"validation {percent(event['accuracy'])}, {saved} saved by table")


def _search(event: Event) -> Step:
    targets = ", ".join(f"{target:.0%}" for target in event["targets"])
    return Step(
        "search begins",
        f"targets {targets}; weights of 0 alone would save {percent(event['bound_saving'])}",
    )


def _signs(event: Event) -> Step:
    flipped = f"{sum(event['filters'])} filters of {_named(event['layers'])}"
    return Step("signs flipped", f"{flipped} negated, which saves {percent(event['saving'])}")


def _assigned(event: Event) -> Step:
    most = max((len(values) for values in event["values"]), default=0)
    return Step(
        "weights assigned",
        f"goal {percent(event['goal'])}: {percent(event['saving'])} saved with at most {most} values a layer, "
        f"predicted loss {event['predicted_loss']:.3g} nats",
        "taken" if event["accepted"] else "refused",
    )


def _tuned(event: Event) -> Step:
    epochs = f"{event['epochs']} epoch{'s' * (event['epochs'] != 1)}"
    return Step(
        "fine-tuned",
        f"{epochs}: validation {percent(event['accuracy_before'])} to {percent(event['accuracy'])}, "
        f"{percent(event['saving'])} saved",
    )


def _reached(event: Event) -> Step:
    return Step(
        "target done", f"validation {percent(event['accuracy'])}, {percent(event['saving'])} saved by tiles", "done"
    )


SENTENCES: Mapping[str, Callable[[Event], Step]] = {
    "CampaignStarted": _campaign,
    "ValuesChosen": _values,
    "ValuesTimed": _timed,
    "PointFound": _point,
    "TimeSpent": lambda event: Step("hours spent", f"{event['method']} ends with the best so far"),
    "Started": _loop,
    "Profiled": _profiled,
    "LayerStarted": _layer,
    "Pruned": _pruned,
    "SafeSet": _safe,
    "Removals": _removals,
    "ConfigurationTried": _configuration,
    "LayerDecided": _settled,
    "Finished": _finished,
    "SearchStarted": _search,
    "SignsFlipped": _signs,
    "AssignmentTried": _assigned,
    "FineTuned": _tuned,
    "TargetReached": _reached,
}
