"""Property tests without a clock: a busy machine is no falsifying example."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("wattloop", deadline=None)
hypothesis.settings.load_profile("wattloop")
