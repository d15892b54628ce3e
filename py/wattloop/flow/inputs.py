"""Wrong input is told before anything slow begins."""

from __future__ import annotations

from wattloop.flow.progress import SILENT, Progress
from wattloop.flow.settings import Settings
from wattloop.flow.training import load_dataset
from wattloop.flow.training_stages import own_model
from wattloop.gates.libraries import resolve


def check_inputs(settings: Settings, progress: Progress = SILENT) -> None:
    """Look for the library, the data set and the network that the settings name.

    Raises:
        LibertyError: the library is unknown or damaged.
        DatasetError: the data set is unknown, missing or damaged.
        ModelError: the network is unknown, or one of the user's own that does not suit the data set.
        ConfigError: code of the user's own fails.
    """
    from wattloop.nn.models import check_fits, known

    with progress.step(f"reading the Liberty library {settings.hardware.library}"):
        resolve(settings.hardware.library)
    own = own_model(settings.network)
    if own is None:
        known(settings.network.model)
    dataset = load_dataset(settings, progress)
    if own is not None:
        check_fits(own, dataset.train.images.shape[1:], dataset.classes)
