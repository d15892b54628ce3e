"""Wrong input is told before anything slow begins."""

from __future__ import annotations

from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import Settings
from wattloop.flow.training import load_dataset
from wattloop.gates.libraries import resolve


def check_inputs(settings: Settings, progress: Progress = SILENT) -> None:
    """Look for the library, the data set and the network that the settings name.

    Raises:
        LibertyError: the library is unknown or damaged.
        DatasetError: the data set is unknown, missing or damaged.
        ModelError: the network is unknown.
    """
    from wattloop.nn.models import known

    with progress.step(f"reading the Liberty library {settings.hardware.library}"):
        resolve(settings.hardware.library)
    known(settings.network.model)
    load_dataset(settings, progress)
